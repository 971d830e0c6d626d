# Sourced by scripts/demo --cluster: the acts, one thing shown in each.

number=+493012345
cap=5

# How many calls are up at once in all regions, at most, within $1 seconds.
most_up() {
    local deadline=$((SECONDS + $1)) most=0 now
    while [ "$SECONDS" -lt "$deadline" ]; do
        now=$(calls_in_all)
        [ "$now" -le "$most" ] || most=$now
        sleep 0.1
    done
    echo "$most"
}
none_is_up() { [ "$(calls_in_all)" -eq 0 ]; }
# The calls that a daemon counts as its own; each daemon lists those of all.
counted_in() { porter "$1" call list --account demo --node "$1" --json | grep -c '"call_id"' || true; }
count_is() { [ "$(counted_in "$1")" = "$2" ]; }
nobody_counts_any() {
    local region
    for region in "${regions[@]}"; do count_is "$region" 0 || return 1; done
}
all_over() { await 30 none_is_up && await 30 nobody_counts_any; }
where_up() {
    local region
    for region in "${regions[@]}"; do printf '%s %s  ' "$region" "$(calls_in "$region")"; done
}

act_burst() {
    act="one cap"
    title "1. demo may carry 5 calls. Sixty people call it at once, twenty in each region ($1 ms one way)"
    local region most
    "$field" ask "$tag" delay "$1" >/dev/null
    for region in "${regions[@]}"; do callers "$region" "burst-$1" 20 "$number" 5; done
    most=$(most_up 4)
    say "  up at the end: $(where_up)"
    check "exactly 5 are up, over all regions" "$most of 60" "$(is [ "$most" -eq $cap ])"
    all_over || true
    check "all of them end, nobody counts any" "$(calls_in_all) up" "$(is nobody_counts_any)"
    "$field" ask "$tag" delay 0 >/dev/null
}

act_status() {
    act="status"
    title "2. How the cluster stands"
    shown north cluster status --account demo
    shown south account show demo
    check "three nodes" "$(porter west cluster nodes | grep -c -E 'north|south|west') nodes" \
        "$(is [ "$(porter west cluster nodes | grep -c -E 'north|south|west')" -ge 3 ])"
}

act_cut() {
    act="cut"
    title "3. West has all five calls when it is cut off from the others"
    local most
    callers west "before" 6 "$number" 5
    await 10 eval '[ "$(calls_in west)" -eq 5 ]' || true
    say "  up: $(where_up)"
    run "$field" ask "$tag" cut west
    await 30 eval '[ "$(calls_in west)" -eq 0 ]' && await 10 count_is west 0 || true
    callers west "alone" 6 "$number" 5
    callers north "elsewhere" 6 "$number" 5
    most=$(most_up 4)
    say "  up: $(where_up)"
    check "west goes on with the rights it holds" "$(calls_in west) up in west" "$(is [ "$(calls_in west)" -eq $cap ])"
    check "5 at most, though nobody can ask west" "$most up" "$(is [ "$most" -le $cap ])"
    await 15 doctor_complains north || true
    shown north cluster doctor || true
    check "the doctor says what is wrong" "complains: $(is doctor_complains north)" "$(is doctor_complains north)"

    act="heal"
    title "4. The way is there again"
    run "$field" ask "$tag" heal
    all_over || true
    await 30 doctor_is_content north || true
    callers north "healed" 10 "$number" 5
    most=$(most_up 4)
    check "north gets all five: west has given them back" "$(calls_in north) up in north" "$(is [ "$most" -eq $cap ])"
    all_over || true
}
doctor_complains() { ! porter "$1" cluster doctor; }
doctor_is_content() { porter "$1" cluster doctor; }

act_node_killed() {
    act="kill -9"
    title "5. Six people call, and the daemon of north is killed while five of them speak"
    local region before own after
    for region in "${regions[@]}"; do callers "$region" "kill" 2 "$number" 25; done
    await 10 eval '[ "$(calls_in_all)" -eq 5 ]' || true
    before=$(calls_in_all)
    own=$(calls_in north)
    say "  up: $(where_up)"
    say "  kill -9 (north)"
    signal north daemon KILL
    callers south "late" 4 "$number" 2
    callers north "late" 4 "$number" 2
    after=$(most_up 3)
    check "no sixth call, whoever asks" "$before before, at most $after after it" "$(is [ "$after" -le $cap ])"
    start_daemon_of north || true
    await 15 count_is north "$own" || true
    shown north call list --node north
    check "north is back with the same calls" "$(counted_in north) counted, $(calls_in north) up there" "$(is count_is north "$own")"
    all_over || true
    callers south "again" 10 "$number" 3
    after=$(most_up 3)
    check "nothing has leaked: five again" "$after up" "$(is [ "$after" -eq $cap ])"
    all_over || true
    await 30 doctor_is_content north || true
    shown north cluster doctor || true
}

show_cluster() {
    need_town --cluster
    if [ -d "$town" ]; then
        echo "scripts/cluster is up: scripts/cluster down, then try again." >&2
        exit 1
    fi
    build_town
    trap 'code=$?; trap - EXIT INT TERM HUP; keep_logs $code; raze_town; exit $code' EXIT
    trap 'exit 130' INT TERM HUP
    act=setup
    title "Three regions: north, south, west, each with a daemon and a Kamailio"
    raise_town
    # The other policy, "available", goes above the cap by a call a node rather than refuse one.
    shown north account add demo --max-calls $cap --policy strict
    shown south number add "$number" --account demo
    await 10 porter west number show "$number" || true
    check "an account made in north is known in west" "$(is porter west account show demo)" "$(is porter west account show demo)"
    act_burst 0
    act_burst 40
    act_status
    act_cut
    act_node_killed
    show_table
    if [ "$failed" -eq 0 ] && [ "$stay" = yes ]; then
        title "Everything stays up until Ctrl-C. In another terminal:"
        say "  scripts/cluster status; scripts/cluster call $number 30; scripts/cluster cut west"
        while :; do sleep 3600 & wait $! || true; done
    fi
    exit "$failed"
}

# Of a demo that has failed, the logs are kept.
keep_logs() {
    [ "$1" -ne 0 ] && [ "$1" -ne 130 ] && [ -d "$town" ] || return 0
    local kept
    kept=$(mktemp -d "${TMPDIR:-/tmp}/hallporter-demo.XXXXXX")
    (cd "$town" && find . -name '*.log' -exec cp --parents {} "$kept" \;)
    printf '\nThe logs are kept in %s\n' "$kept"
}
