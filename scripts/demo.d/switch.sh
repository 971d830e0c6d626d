# Sourced by scripts/demo: the FreeSWITCH that takes messages, where there is one, and what it shows.

freeswitch=${HALLPORTER_FREESWITCH:-$(command -v freeswitch || true)}

# The shipped configuration and dialplan, on an address of its own, and the daemon told of it.
start_switch() {
    local dir=$work/freeswitch password
    mkdir -p "$dir"/{log,db,run,rec}
    cp -r "$repository/freeswitch-conf" "$dir/conf"
    password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    (umask 077 && printf '%s' "$password" >"$work/porter/freeswitch.password")
    sed -i -E -e "s|(_(esl\|sip\|rtp)_ip=)[^\"]*|\1$switch|" -e "s|(_esl_password=)[^\"]*|\1$password|" \
        -e "s|(_prompts=)[^\"]*|\1$repository/prompts|" -e 's|(_log=)[^"]*|\1info|' \
        -e "s|(_dialplan=)[^\"]*|\1$repository/dialplan/hallporter.xml|" "$dir/conf/hallporter-vars.xml"
    chmod 600 "$dir/conf/hallporter-vars.xml"
    (cd "$dir" && start "$work/freeswitch.log" "$freeswitch" -nonat -nf -nc -np -conf "$dir/conf" \
        -log "$dir/log" -db "$dir/db" -run "$dir/run" -temp "$dir/run" -recordings "$dir/rec" \
        -storage "$dir/rec" -cache "$dir/run" && echo "$started" >"$work/freeswitch.group")
    groups+=("$(cat "$work/freeswitch.group")")
    sed -i -e "s|^#spool = .*|spool = \"spool\"|" -e "s|^#prompts = .*|prompts = \"$repository/prompts\"|" \
        "$HALLPORTER_CONFIG"
    cat >>"$HALLPORTER_CONFIG" <<END

[[freeswitch]]
name = "fs1"
event_socket = "$switch:8021"
sip = "$switch:5080"
password_file = "freeswitch.password"
END
}

# Before its clock has ticked for the first time it refuses every call.
switch_is_there() {
    grep -q 'Clock synchronized' "$work/freeswitch.log" "$work/freeswitch/log/freeswitch.log" &&
        grep -q 'the switch is there' "$work/daemon2.log"
}

messages_are() { [ "$(hallporter message list --json | grep -c '"id"' || true)" = "$1" ]; }

act_message() {
    act="message"
    title "8. Carol calls bob, nobody picks up, and she leaves a message on FreeSWITCH"
    if [ -z "$freeswitch" ]; then
        say "  left out: no FreeSWITCH was found on this machine (set HALLPORTER_FREESWITCH)"
        return
    fi
    await 60 switch_is_there || say "  FreeSWITCH does not come up: see $work/freeswitch.log"
    run hallporter device set bob mobile --disabled
    run hallporter mailbox add bob --account bob --no-video
    # What carol says: a prompt, as a telephone carries it, over and over.
    ffmpeg -v error -y -i "$repository/prompts/en/video_hang_up.wav" -ar 8000 -f mulaw "$work/sound.ulaw"
    mkdir -p "$work/speaks"
    sed -e 's/\[media_port\]/[rtpstream_audio_port]/' \
        -e 's|<!-- The length of the call.*|<nop><action><exec rtp_stream="sound.ulaw,-1,0"/></action></nop>|' \
        "$sipp_files/caller_auth.xml" >"$work/speaks/caller_auth.xml"
    local left=no seen id length_ms
    if (sipp_files=$work/speaks && cd "$work" &&
        call carol_speaks carol +493012345 -d 14000 -mi "$callers" -timeout 30 -timeout_error &&
        wait "$calling"); then left=yes; fi
    check "after 2 s of ringing the mailbox answers" "answered: $left" "$left"
    await 15 messages_are 1 || true
    run hallporter message list
    id=$(hallporter message list --json | grep -o '"id": *"[^"]*"' | head -n 1 | cut -d'"' -f4)
    run hallporter message get "$id" -o "$work/message.wav"
    length_ms=$(ffprobe -v error -show_entries format=duration -of csv=p=0 "$work/message.wav" |
        awk '{ printf "%d", $1 * 1000 }')
    seen="$(messages_are 1 && echo "1 message of $length_ms ms")"
    check "one message, some seconds long" "$seen" "$(is [ "${length_ms:-0}" -gt 2000 ])"
}
