# Sourced by scripts/cluster and scripts/demo: three regions on one machine, each in a network
# namespace with a daemon and a Kamailio, and a way between them that can be slow or cut.
# What runs is known by files below $town, so that one call of scripts/cluster finds what
# another has started.

regions=(north south west)
tag=hpc                                       # namespaces are called $tag-REGION
town=${TMPDIR:-/tmp}/hallporter-cluster
domain=hp.test
sipp_files=$repository/tests/live/sipp
field=$repository/target/debug/examples/field

number_of() {
    local at
    for at in "${!regions[@]}"; do
        if [ "${regions[$at]}" = "$1" ]; then
            echo $((at + 1))
            return 0
        fi
    done
    echo "there is no region ${1:-without a name}: take one of ${regions[*]}" >&2
    return 1
}
address_of() { echo "10.77.$(number_of "$1").1"; }

# in_region REGION COMMAND...: the process is the command's own.
in_region() {
    local region=$1
    shift
    nsenter --net="/run/netns/$tag-$region" -- "$@"
}

# porter REGION WORD...: the command line, beside the daemon of a region.
porter() {
    local region=$1
    shift
    HALLPORTER_CONFIG=$town/$region/porter/hallporter.toml in_region "$region" hallporter "$@"
}

# The same, shown with what came of it.
shown() {
    local region=$1
    shift
    printf '  %s $ hallporter %s\n' "$region" "$*"
    porter "$region" "$@" 2>&1 | indent
}

need_town() {
    if [ "$(id -u)" -ne 0 ]; then
        echo "Three regions need network namespaces, and these need root: sudo $0 $*" >&2
        exit 1
    fi
    if [ ! -e /dev/net/tun ]; then
        echo "There is no /dev/net/tun: the kernel module tun is missing (modprobe tun)." >&2
        exit 1
    fi
    need_regions
    need_builder
    need_switches
    install_missing
    need_cargo
}

build_town() {
    echo "Building (some minutes the first time)."
    cargo build --locked --quiet --bin hallporter --example field
    PATH=$repository/target/debug:$PATH
}

# launch REGION NAME COMMAND...: starts it in a process group of its own. Kamailio's children
# outlive their parent, so it is the group that is ended.
launch() {
    local region=$1 name=$2
    shift 2
    # None of the three forks: the process that is known here is the program, and leads its group.
    setsid nsenter --net="/run/netns/$tag-$region" -- "$@" >>"$town/$region/$name.log" 2>&1 </dev/null &
    echo $! >"$town/$region/$name.pid"
    # Else the shell says something of its own when it is killed.
    disown $!
}

# signal REGION NAME SIGNAL: to all of the group, as long as it is the one that was started.
signal() {
    local file=$town/$1/$2.pid group
    [ -f "$file" ] || return 1
    group=$(cat "$file")
    if [ "$3" = TERM ] || [ "$3" = KILL ]; then rm -f "$file"; fi
    kill -s "$3" -- "-$group" 2>/dev/null || return 1
    if [ "$3" = TERM ] || [ "$3" = KILL ]; then
        await 20 group_is_gone "$group" || kill -s KILL -- "-$group" 2>/dev/null || true
    fi
}
group_is_gone() { ! kill -0 -- "-$1" 2>/dev/null; }

daemon_decides() {
    in_region "$1" curl -fsS --max-time 1 "http://$(address_of "$1"):8170/readyz"
}
kamailio_of() {
    in_region "$1" curl -fsS --max-time 2 "http://$(address_of "$1"):8090/RPC" \
        -d "{\"jsonrpc\":\"2.0\",\"method\":\"$2\",\"id\":1}"
}
# The calls that are really up there, as its Kamailio knows.
calls_in() { kamailio_of "$1" dlg.stats_active | grep -o '"ongoing": *[0-9]*' | grep -o '[0-9]*$'; }
calls_in_all() {
    local region sum=0
    for region in "${regions[@]}"; do sum=$((sum + $(calls_in "$region"))); done
    echo "$sum"
}

# The files of a region, as an operator makes them.
prepare_region() {
    local region=$1 ip other next=${regions[$(($(number_of "$1") % ${#regions[@]}))]}
    ip=$(address_of "$region")
    local porter=$town/$region/porter
    mkdir -p "$town/$region/kamailio"
    say "  $region \$ hallporter init --dir porter --name $region --region $region --listen $ip:8170 --cluster-listen $ip:8171"
    hallporter init --dir "$porter" --name "$region" --region "$region" \
        --listen "$ip:8170" --cluster-listen "$ip:8171" >"$town/$region/init.log"
    # Nobody waits for a draining daemon here; and regions may be far apart (40 ms one way).
    sed -i 's/^#* *drain = .*/drain = "0s"/; s/^#* *look_every = .*/look_every = "1s"/;
        s/^#* *ask_within = .*/ask_within = "250ms"/' "$porter/hallporter.toml"
    for other in "${regions[@]}"; do
        printf '\n[[kamailio.proxy]]\nname = "%s"\nrpc = "http://%s:8090/RPC"\n' \
            "$other" "$(address_of "$other")" >>"$porter/hallporter.toml"
    done
    # Each Kamailio asks its own daemon, and the next region's when that is away: one token for all.
    [ "$region" = "${regions[0]}" ] || cp "$town/${regions[0]}/porter/route.token" "$porter/route.token"
    (umask 077 && sed -e "s|^#!define HP_TOKEN .*|#!define HP_TOKEN $(cat "$porter/route.token")|" \
        "$porter/hallporter-settings.cfg" >"$town/$region/kamailio/hallporter-settings.cfg")
    cat >>"$town/$region/kamailio/hallporter-settings.cfg" <<END
#!define HP_DAEMON_2 http://$(address_of "$next"):8170
#!define HP_LISTEN udp:$ip:5060
#!define HP_RPC_LISTEN tcp:$ip:8090
#!define HP_RPC_ALLOW "^10[.]77[.]"
#!define HP_DOMAIN "$domain"
#!define HP_GATEWAY "sip:${ip%.1}.30:5070"
#!define HP_CHILDREN 4
#!define HP_WORKERS 16
#!define HP_INBOUND_FAIL_CLOSED
END
}

# start_daemon_of REGION [ARGUMENT...]: starts it and waits until it decides.
start_daemon_of() {
    local region=$1
    shift
    launch "$region" daemon hallporter serve -c "$town/$region/porter/hallporter.toml" "$@"
    await 30 daemon_decides "$region" || {
        say "the daemon of $region does not come up; $town/$region/daemon.log ends with:"
        tail -n 8 "$town/$region/daemon.log" | indent
        return 1
    }
}

start_switches_of() {
    local region=$1
    (cd "$town/$region/kamailio" && launch "$region" kamailio kamailio -DD -E -m 128 -M 12 -Y . \
        -f "$repository/kamailio-cfg/kamailio.cfg")
    launch "$region" gateway sipp -sf "$sipp_files/phone_answers.xml" -i "10.77.$(number_of "$region").30" \
        -p 5070 -nostdin -d 0
}

# Everything: the way, the switches, the founder and those that join.
raise_town() {
    local region first=${regions[0]}
    if [ -d "$town" ]; then
        echo "The regions are up already, or were not taken down: scripts/cluster down" >&2
        return 1
    fi
    mkdir -m 0700 "$town"
    setsid "$field" up "$tag" "${regions[@]}" >"$town/field.log" 2>&1 </dev/null &
    await 20 grep -q '^up' "$town/field.log" || { cat "$town/field.log" >&2; return 1; }
    for region in "${regions[@]}"; do
        prepare_region "$region"
        start_switches_of "$region"
    done
    for region in "${regions[@]}"; do
        await 20 kamailio_of "$region" core.uptime || { say "the Kamailio of $region does not come up"; return 1; }
    done
    shown "$first" cluster init
    say "  $first \$ hallporter serve -c porter/hallporter.toml"
    start_daemon_of "$first"
    for region in "${regions[@]:1}"; do
        say "  $first \$ hallporter cluster token > $region.token"
        (umask 077 && porter "$first" cluster token >"$town/$region.token")
        say "  $region \$ hallporter serve -c porter/hallporter.toml --join $(address_of "$first"):8171 --token-file $region.token"
        start_daemon_of "$region" --join "$(address_of "$first"):8171" --token-file "$town/$region.token"
    done
    # The founder has the only vote until the newcomers have got theirs.
    await 30 all_vote "$first" || say "  not every region has a vote yet"
}

all_vote() { porter "$1" cluster status --json | grep -q "\"voters\": *${#regions[@]}"; }

# Ends all that was started, and takes every file away.
raze_town() {
    local region name
    for region in "${regions[@]}"; do
        for name in daemon kamailio gateway; do signal "$region" "$name" CONT || true; done
        for file in "$town/$region"/callers*.pid; do
            [ -f "$file" ] && signal "$region" "$(basename "$file" .pid)" TERM || true
        done
        for name in daemon kamailio gateway; do signal "$region" "$name" TERM || true; done
    done
    [ ! -S "${TMPDIR:-/tmp}/$tag/control" ] || "$field" ask "$tag" down || true
    await 10 no_namespaces || true
    rm -rf "$town"
}
no_namespaces() { ! ip netns list | grep -q "^$tag-"; }

# callers REGION NAME COUNT NUMBER SECONDS: so many calls of a number at once.
callers() {
    local region=$1 name=$2 count=$3 number=$4 seconds=$5
    launch "$region" "callers-$name" sipp -sf "$sipp_files/caller_maybe.xml" -nostdin -s "$number" \
        -key caller stranger -key domain "$domain" -i "10.77.$(number_of "$region").20" -m "$count" -l "$count" \
        -r "$count" -rp 5 -d $((seconds * 1000)) "$(address_of "$region"):5060"
}
