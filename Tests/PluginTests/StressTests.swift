import CNIPlugin
import Foundation
import TestKit
import Testing

/// Many calls against time: 2,000 kills and 5,000 races, five times as many in `make test-long`. MARTLET_STRESS
/// multiplies the counts by any other number.
struct StressTests {
    static let factor: Int = {
        let environment = ProcessInfo.processInfo.environment
        return environment["MARTLET_STRESS"].flatMap { Int($0) }
            ?? (environment["MARTLET_TEST_LONG"] == nil ? 1 : 5)
    }()

    /// A shell in the node's namespace does the calls: a process per call is all that it costs. `call VERB ID NETNS`
    /// runs the plugin; `become` does so in place of the shell; `leftovers` prints the links and files that should not
    /// be in the node, `routes` the routes, which cannot be there without a link.
    static let prelude = """
        set -u
        call() { CNI_COMMAND=$1 CNI_CONTAINERID=$2 CNI_NETNS=$3 CNI_IFNAME=eth0 "$PLUGIN" <"$DIR/config"; }
        become() {
            export CNI_COMMAND=$1 CNI_CONTAINERID=$2 CNI_NETNS=$3 CNI_IFNAME=eth0
            exec "$PLUGIN" <"$DIR/config"
        }
        leftovers() {
            for link in /sys/class/net/*; do [ "$link" = /sys/class/net/lo ] || echo "link ${link##*/}"; done
            for file in "$DIR"/ipam/martlet/* "$DIR"/ipam/martlet/.[!.]*; do
                case ${file##*/} in lock|last.?|'*'|'.[!.]*') ;; *) echo "file ${file##*/}" ;; esac
            done
        }
        routes() { ip -4 route show proto 180; ip -6 route show proto 180; }
        fail() { echo "$*"; exit 1; }

        """

    /// Runs a script in the node's namespace; its output is empty when all is well.
    func shell(_ node: PluginNode, _ script: String, config: String, _ variables: [String: String]) throws {
        try config.write(toFile: "\(node.directory)/config", atomically: true, encoding: .utf8)
        let plugin = try martletBinary("martlet")
        let ipam = try martletBinary("martlet-ipam")
        let path = "\((plugin as NSString).deletingLastPathComponent):\((ipam as NSString).deletingLastPathComponent)"
        let environment = ["PLUGIN": plugin, "CNI_PATH": path, "DIR": node.directory]
        let finished = try run(
            ["ip", "netns", "exec", node.name, "bash", "-c", Self.prelude + script],
            environment: environment.merging(variables) { $1 })
        #expect(finished.status == 0, "\(finished.output.suffix(2000)) \(finished.errors.suffix(2000))")
    }

    /// Two nodes at once.
    @Test(arguments: 0..<2)
    func `an ADD killed at any moment leaves nothing that DEL does not remove`(node _: Int) throws {
        let node = try PluginNode()
        let pod = try node.makePod()
        // The moments spread over the time that an ADD takes here and now, which a few kills show.
        let script = """
            mkfifo "$DIR/clock"; exec 3<>"$DIR/clock"
            pause() { read -rt "0.$(printf %06d "$1")" -u 3; }
            span=4000
            killed=0
            for round in $(seq "$COUNT"); do
                become ADD "c$round" "$POD" >"$DIR/out" 2>&1 & pid=$!
                pause $((RANDOM * span / 32768 % 1000000))
                kill -KILL $pid 2>/dev/null; wait $pid 2>/dev/null
                [ $? = 137 ] && { killed=$((killed + 1)); span=$((span * 6 / 5)); }
                span=$((span * 15 / 16 + 100))
                call DEL "c$round" "$POD" || fail "DEL after kill $round failed"
                left=$(leftovers)
                [ $((round % 50)) = 0 ] && left+=$(routes)
                [ -z "$left" ] || fail "round $round leaves: $left"
            done
            [ $killed -gt $((COUNT / 4)) ] || fail "only $killed of $COUNT were killed"
            call ADD last "$POD" >/dev/null || fail "ADD does not work any more"
            """
        try shell(
            node, script, config: node.config("1.1.0"),
            ["POD": PluginNode.path(pod), "COUNT": "\(1000 * Self.factor)"])
    }

    /// Four pods on each of two nodes: most of a race is waiting for the kernel.
    @Test(arguments: 0..<2)
    func `ADD and DEL of one container at once leave either all or nothing, and DEL removes it`(node _: Int) throws {
        let node = try PluginNode()
        let pods = try (0..<4).map { try node.makePod("p\($0)") }
        // An ADD that wins has its address and its link; one that loses has neither.
        let script = """
            race() {
                for round in $(seq "$COUNT"); do
                    id=$1x$round
                    call ADD $id "$2" >"$DIR/out$1" 2>/dev/null & add=$!
                    [ $((RANDOM % 3)) = 0 ] || read -rt "0.00$((RANDOM % 4))" -u 3
                    call DEL $id "$2" >"$DIR/del$1" || fail "DEL $id failed: $(cat "$DIR/del$1")"
                    wait $add; status=$?
                    link=/sys/class/net/$(grep -o 'mlt[0-9a-f]*' "$DIR/out$1" | head -n 1)
                    has_link=0; [ $link != /sys/class/net/ ] && [ -e $link ] && has_link=1
                    has_address=0; [ -e "$DIR/ipam/martlet/$id@eth0" ] && has_address=1
                    [ $has_link = $has_address ] || fail "$id: link $has_link, address $has_address, status $status"
                    [ $status = 0 ] || [ $has_address = 0 ] || fail "$id: a failed ADD left something"
                    call DEL $id "$2" >"$DIR/del$1" || fail "second DEL $id failed: $(cat "$DIR/del$1")"
                done
            }
            mkfifo "$DIR/clock"; exec 3<>"$DIR/clock"
            number=0; pids=()
            for pod in $PODS; do race $number "$pod" & pids+=($!); number=$((number + 1)); done
            for pid in "${pids[@]}"; do wait "$pid" || exit 1; done
            left=$(leftovers; routes)
            [ -z "$left" ] || fail "leaves: $left"
            """
        try shell(
            node, script, config: node.config("1.1.0"),
            ["PODS": pods.map(PluginNode.path).joined(separator: " "), "COUNT": "\(625 * Self.factor)"])
    }

    /// The same container and namespace again and again, while what the DELs have left is deleted at any moment.
    @Test func `an ADD works whenever the agent deletes what the DEL before it left`() throws {
        let node = try PluginNode()
        let pod = try node.makePod()
        let script = """
            mkfifo "$DIR/clock" "$DIR/agent"; exec 3<>"$DIR/clock"
            trap 'touch "$DIR/done"' EXIT
            ip -force -batch - <"$DIR/agent" 2>/dev/null & agent=$!
            while [ ! -e "$DIR/done" ]; do
                echo "link del group 7171188"
                read -rt "0.00$((RANDOM % 9))" -u 3
            done >"$DIR/agent" & feeder=$!
            for round in $(seq "$COUNT"); do
                call ADD same "$POD" >"$DIR/out" || fail "ADD $round: $(cat "$DIR/out")"
                call DEL same "$POD" >"$DIR/out" || fail "DEL $round: $(cat "$DIR/out")"
            done
            touch "$DIR/done"; wait $feeder $agent
            ip link del group 7171188 2>/dev/null
            left=$(leftovers; routes)
            [ -z "$left" ] || fail "leaves: $left"
            """
        try shell(
            node, script, config: node.config("1.1.0", more: #","delete":"deferred""#),
            ["POD": PluginNode.path(pod), "COUNT": "\(75 * Self.factor)"])
    }

    @Test func `a hundred and ten ADDs at once get as many different addresses`() throws {
        let node = try PluginNode()
        let pods = try (0..<110).map { try node.makePod("p\($0)") }
        let script = """
            number=0; pids=()
            for pod in $PODS; do
                number=$((number + 1))
                { call ADD stay$number "$pod" >"$DIR/result.$number"; } & pids+=($!)
            done
            for pid in "${pids[@]}"; do wait "$pid" || fail "an ADD failed: $(grep -hs '"code"' "$DIR"/result.*)"; done
            for family in 4 6; do
                count=$(ip -$family route show proto 180 | awk '/^[0-9a-f.:]+ dev mlt/ {print $1}' | sort -u | wc -l)
                [ "$count" = 110 ] || fail "$count different IPv$family addresses"
            done
            number=0; pids=()
            for pod in $PODS; do number=$((number + 1)); call DEL stay$number "$pod" & pids+=($!); done
            for pid in "${pids[@]}"; do wait "$pid" || fail "a DEL failed"; done
            left=$(leftovers; routes)
            [ -z "$left" ] || fail "leaves: $left"
            """
        try shell(
            node, script, config: node.config("1.1.0"),
            ["PODS": pods.map(PluginNode.path).joined(separator: " ")])
    }
}
