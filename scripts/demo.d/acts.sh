# Sourced by scripts/demo: the acts, one thing shown in each.

act_dry_run() {
    act="dry run"
    title "1. Ask first: what would a call to bob come to?"
    run hallporter route --from +15550100 --to +493012345
    local lines
    lines=$(hallporter route --from +15550100 --to +493012345)
    check "two devices, then a third" "$(grep -c 'rings [0-9]* s:' <<<"$lines") stages in the order" \
        "$(is grep -q 'then rings 10 s: mobile' <<<"$lines")"
}

act_fork() {
    act="fork"
    title "2. Carol calls bob: two phones ring together, and then a third, which answers"
    local answered=no seen
    if call_through carol_bob carol +493012345 -d 300; then answered=yes; fi
    local first second third cancelled
    first=$(moment desk1 "INVITE ") second=$(moment desk2 "INVITE ")
    third=$(moment mobile "INVITE ") cancelled=$(moment desk1 "CANCEL ")
    seen="desk2 $((${second:-0} - ${first:-0})) ms after desk1, mobile after $((${third:-0} - ${first:-0})) ms"
    local together=no
    if [ -n "$first" ] && [ -n "$second" ] && [ -n "$third" ] && [ -n "$cancelled" ] &&
        [ $((second - first)) -lt 500 ] && [ $((first - second)) -lt 500 ] &&
        [ $((third - first)) -ge 1500 ] && [ $((third - first)) -le 4000 ]; then together=yes; fi
    check "desk1 and desk2 at once, mobile 2 s later" "$seen" "$together"
    check "the mobile answers, the others stop" "answered: $answered, desk1 cancelled: ${cancelled:+yes}" "$answered"
    check "its slot is free afterwards" "$(await 5 calls_are 0; live_calls) calls" "$(is calls_are 0)"
}

act_cap_out() {
    act="cap, out"
    title "3. Alice may carry 2 calls: two go out, the third is refused"
    call alice1 alice +15550101 -d 600000
    call alice2 alice +15550102 -d 600000
    await 10 state_is_up 2 || true
    run hallporter call list
    check "two calls are up" "$(live_calls) calls" "$(is state_is_up 2)"
    refused_call alice3 alice +15550103 403
    check "403, Reason: Q.850;cause=21" "$refusal" "$(is grep -q '403.*cause=21' <<<"$refusal")"
}

act_emergency() {
    act="emergency"
    title "4. At her cap, alice dials 112 (nobody is asked for a password then)"
    local through=no
    next_port=$((next_port + 10))
    phone alice112 "$callers" "$next_port" caller "$proxy:$sip_port" -s 112 -m 1 -d 100 \
        -key caller alice -key domain "$proxy" -timeout 15 -timeout_error
    if wait "$started"; then through=yes; fi
    check "let through, whatever the cap" "answered: $through" "$through"
}

act_cap_in() {
    act="cap, in"
    title "5. Bob takes 1 call at a time: he has one, and another comes"
    # The emergency call is over for its phones a moment before it is for the daemon.
    await 5 calls_are 2 || true
    call carol_bob2 carol +493012345 -d 600000
    await 15 state_is_up 3 || true
    refused_call carol_bob3 carol +493012345 486
    check "486, Reason: Q.850;cause=17" "$refusal" "$(is grep -q '486.*cause=17' <<<"$refusal")"
}

# A call that must be refused; $refusal has its status line and its Reason.
refused_call() {
    local name=$1 account=$2 called=$3 code=$4
    next_port=$((next_port + 10))
    phone "$name" "$callers" "$next_port" caller_auth_expects "$proxy:$sip_port" -s "$called" -m 1 \
        -key caller "$account" -key domain "$proxy" -au "$account" -ap "of-$account" \
        -set expected "$code" -timeout 10 -timeout_error
    wait "$started" || true
    grep -a -E "^(SIP/2.0 $code|Reason:)" "$work/$name.sip" | tr -d '\r' | sort -u -r >"$work/$name.lines" || true
    indent <"$work/$name.lines"
    refusal=$(tr '\n' ' ' <"$work/$name.lines")
    refusal=${refusal#SIP/2.0 }
    refusal=$(sed 's/;text=.*//; s/ [^;]* Reason: Q.850;/ Reason: /' <<<"$refusal")
}

act_killed() {
    act="kill -9"
    title "6. The daemon is killed in the middle, and started again"
    local before after
    # Only answered calls can be ended by hand.
    await 15 state_is_up 3 || true
    before=$(hallporter call list --json | grep -o '"call_id": *"[^"]*"' | sort)
    say "  kill -9 $daemon"
    kill -KILL -- "-$daemon"
    wait "$daemon" 2>/dev/null || true
    start_daemon 2
    after=$(hallporter call list --json | grep -o '"call_id": *"[^"]*"' | sort)
    run hallporter call list
    check "the same 3 calls as before" "$(grep -c call_id <<<"$after") calls, the same: $(is [ "$before" = "$after" ])" \
        "$(is [ "$(grep -c call_id <<<"$before")$before" = "3$after" ])"
    refused_call alice4 alice +15550104 403
    check "alice is still at her cap" "$refusal" "$(is grep -q '403' <<<"$refusal")"
    local id
    for id in $(hallporter call list --json | grep -o '"call": *"[^"]*"' | cut -d'"' -f4); do
        run hallporter call end "$id"
    done
    await 10 calls_are 0 || true
    check "ended by hand, everything is free again" "$(live_calls) calls" "$(is calls_are 0)"
    local through=no
    if call_through alice5 alice +15550105 -d 100; then through=yes; fi
    check "alice can call again" "answered: $through" "$through"
}

act_why() {
    act="why"
    title "7. Why was alice's third call refused?"
    local id lines
    id=$(grep -a -m 1 -o '^Call-ID: .*' "$work/alice3.sip" | tr -d '\r' | cut -d' ' -f2)
    run hallporter why "$id"
    lines=$(hallporter why "$id")
    check "the cap and its figures" "$(grep -o 'account alice.*' <<<"$lines" | tail -n 1)" \
        "$(is grep -q '2 calls, of 2: full' <<<"$lines")"
}

act_metrics() {
    act="metrics"
    title "9. What Prometheus would read"
    curl -fsS "http://$proxy:$http_port/metrics" |
        grep -E '^hallporter_(decisions|calls|calls_ended|emergencies|looks)[_{ ]' | indent
    local looks
    looks=$(curl -fsS "http://$proxy:$http_port/metrics" | grep -c '^hallporter_' || true)
    check "figures are there" "$looks lines" "$(is [ "$looks" -gt 20 ])"
}
