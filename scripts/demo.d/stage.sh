# Sourced by scripts/demo: what the acts stand on. Starting, stopping, waiting, reporting.

proxy=127.0.14.1      # Kamailio
desk1=127.0.14.11     # bob's first phone, which nobody picks up
desk2=127.0.14.12     # bob's second phone, likewise
mobile=127.0.14.13    # bob's third phone, which answers
gateway=127.0.14.14   # the telephone network: answers every call
switch=127.0.14.15    # FreeSWITCH, where there is one
callers=127.0.14.20   # where the callers sit
sip_port=5060
http_port=8170
rpc_port=8190
sipp_files=$repository/tests/live/sipp

groups=()             # process groups that this script started
rows=()               # the table at the end
failed=0
next_port=5100

if [ -t 1 ]; then bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m'
else bold="" red="" green="" plain=""; fi

say() { printf '%s\n' "$*"; }
title() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
indent() { sed 's/^/    /'; }

# Shows a command and runs it.
run() {
    printf '  $ %s\n' "$*"
    "$@" 2>&1 | indent
}

# Starts a program in a process group of its own: Kamailio's children outlive their parent, and
# Ctrl-C must not reach the daemon before the curtain falls. Its group is in $started.
start() {
    local log=$1
    shift
    setsid "$@" >"$log" 2>&1 </dev/null &
    started=$!
    groups+=("$started")
}

# Waits until a command succeeds, at most $1 seconds.
await() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.05
    done
}

# Notes what was expected and seen; the third word says whether they agree.
check() {
    local expected=$1 seen=$2 verdict=${3:-no}
    if [ "$verdict" = yes ]; then
        verdict=ok
        printf '  %sok%s: %s\n' "$green" "$plain" "$seen"
    else
        verdict=FAILED
        failed=1
        printf '  %sFAILED%s: expected %s, seen: %s\n' "$red" "$plain" "$expected" "$seen"
    fi
    rows+=("$act|$expected|$seen|$verdict")
}

# yes or no, for check.
is() { if "$@" >/dev/null 2>&1; then echo yes; else echo no; fi; }

curtain() {
    local code=$?
    trap - EXIT INT TERM HUP
    for group in "${groups[@]}"; do kill -TERM -- "-$group" 2>/dev/null || true; done
    for group in "${groups[@]}"; do
        await 3 no_group "$group" || kill -KILL -- "-$group" 2>/dev/null || true
    done
    wait 2>/dev/null || true
    if [ "$code" -ne 0 ] && [ -d "$work" ] && [ -n "$(ls -A "$work")" ]; then
        printf '\nThe logs are kept in %s; the last lines of the daemon and of Kamailio:\n' "$work"
        for log in "$work"/daemon*.log "$work/kamailio.log"; do
            [ -f "$log" ] && tail -n 8 "$log" | indent
        done
    else
        rm -rf "$work"
    fi
    exit "$code"
}
no_group() { ! kill -0 -- "-$1" 2>/dev/null; }

kamailio_answers() {
    curl -fsS --max-time 1 "http://$proxy:$rpc_port/RPC" \
        -d '{"jsonrpc":"2.0","method":"core.uptime","id":1}'
}
daemon_answers() { curl -fsS --max-time 1 "http://$proxy:$http_port/readyz"; }

start_daemon() {
    start "$work/daemon$1.log" hallporter serve
    daemon=$started
    await 10 daemon_answers || { say "the daemon does not come up"; return 1; }
}

# phone NAME ADDRESS PORT SCENARIO [ARGUMENTS]: a phone; its messages go to NAME.sip.
phone() {
    local name=$1 address=$2 port=$3 scenario=$4
    shift 4
    start "$work/$name.log" sipp -sf "$sipp_files/$scenario.xml" -i "$address" -p "$port" -nostdin \
        -trace_msg -message_file "$work/$name.sip" "$@"
}

# call NAME ACCOUNT CALLED [ARGUMENTS]: a call in the background, $calling is its process.
call() {
    local name=$1 account=$2 called=$3
    shift 3
    next_port=$((next_port + 10))
    phone "$name" "$callers" "$next_port" caller_auth "$proxy:$sip_port" -s "$called" -m 1 \
        -key caller "$account" -key domain "$proxy" -au "$account" -ap "of-$account" "$@"
    calling=$started
}

# The same in the foreground: succeeds if the call is answered and ends well.
call_through() {
    call "$@" -timeout 15 -timeout_error
    wait "$calling"
}

live_calls() { hallporter call list --json | grep -c '"call_id"' || true; }
calls_are() { [ "$(live_calls)" = "$1" ]; }
state_is_up() { [ "$(hallporter call list --json | grep -c '"state": *"up"' || true)" = "$1" ]; }

# When a phone got its first request of a kind, in milliseconds since midnight.
moment() {
    awk -v want="$2" '
        /^-----+ / { split($3, t, /[:.]/); at = ((t[1] * 60 + t[2]) * 60 + t[3]) * 1000 + substr(t[4] "000", 1, 3) }
        index($0, want) == 1 { print at; exit }' "$work/$1.sip"
}

raise_curtain() {
    work=$(mktemp -d "${TMPDIR:-/tmp}/hallporter-demo.XXXXXX")
    trap curtain EXIT
    trap 'exit 130' INT TERM HUP
    act=setup
    title "A node, a Kamailio, four phones"
    run hallporter init --dir "$work/porter" --listen "$proxy:$http_port"
    export HALLPORTER_CONFIG=$work/porter/hallporter.toml
    # Nobody waits for a draining daemon here.
    sed -i 's/^#* *drain = .*/drain = "0s"/' "$HALLPORTER_CONFIG"
    cat >>"$HALLPORTER_CONFIG" <<END

[[kamailio.proxy]]
name = "k1"
rpc = "http://$proxy:$rpc_port/RPC"
END
    cat >>"$work/porter/hallporter-settings.cfg" <<END
#!define HP_LISTEN udp:$proxy:$sip_port
#!define HP_RPC_LISTEN tcp:$proxy:$rpc_port
#!define HP_RPC_ALLOW "^127\."
#!define HP_DOMAIN "$proxy"
#!define HP_GATEWAY "sip:$gateway:5070"
END
    (umask 077 && cat >"$work/porter/hallporter-passwords.cfg") <<END
event_route[htable:mod-init] {
    \$sht(hp_password=>alice) = "of-alice";
    \$sht(hp_password=>carol) = "of-carol";
}
END
    [ -z "$freeswitch" ] || start_switch
    # Kamailio reads its settings where it is started.
    (cd "$work/porter" && start "$work/kamailio.log" kamailio -DD -E -m 64 -M 8 -A WITH_AUTH \
        -f "$repository/kamailio-cfg/kamailio.cfg" && echo "$started" >"$work/kamailio.group")
    groups+=("$(cat "$work/kamailio.group")")
    await 15 kamailio_answers || { say "Kamailio does not come up"; tail "$work/kamailio.log"; exit 1; }
    start_daemon 1
    phone desk1 "$desk1" 5070 phone_rings
    phone desk2 "$desk2" 5070 phone_rings
    phone mobile "$mobile" 5070 phone_answers -d 200
    phone gateway "$gateway" 5070 phone_answers -d 100
    run hallporter account add alice --max-calls 2
    run hallporter account add bob --max-in 1
    run hallporter account add carol
    run hallporter number add +493012345 --account bob
    run hallporter device add bob desk1 --uri "sip:desk1@$desk1:5070" --stage 1 --ring 2s
    run hallporter device add bob desk2 --uri "sip:desk2@$desk2:5070" --stage 1 --ring 2s
    run hallporter device add bob mobile --uri "sip:mobile@$mobile:5070" --stage 2 --ring 10s
}

show_table() {
    title "What was expected and what was seen"
    printf '  %-10s %-42s %-48s %s\n' step expected seen ""
    local row
    for row in "${rows[@]}"; do
        IFS='|' read -r step expected seen verdict <<<"$row"
        printf '  %-10s %-42s %-48s %s\n' "$step" "$expected" "$seen" "$verdict"
    done
}

look_around() {
    title "Everything stays up until Ctrl-C. In another terminal:"
    say "  export PATH=$repository/target/debug:\$PATH HALLPORTER_CONFIG=$HALLPORTER_CONFIG"
    say "  hallporter account list; hallporter call list; hallporter --help"
    say "  logs: $work/daemon2.log, $work/kamailio.log; SIP: $work/*.sip"
    while :; do sleep 3600 & wait $! || true; done
}
