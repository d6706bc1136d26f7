import CNIPlugin
import Foundation
import TestKit
import Testing

/// Kills and races of calls with host ports, where a second program has a part in it.
struct HostPortStressTests {
    private func config(_ node: PluginNode) -> String {
        node.config("1.1.0", more: #","runtimeConfig":{"portMappings":[{"hostPort":8080,"containerPort":80}]}"#)
    }

    private static let ports = """
        ports() {
            nft list table inet martlet-hostports 2>/dev/null
            for file in "$DIR"/hostports/mlt*; do [ ! -e "$file" ] || echo "mark $file"; done
        }

        """

    @Test func `an ADD with host ports killed at any moment leaves none that DEL does not remove`() throws {
        let node = try PluginNode()
        let pod = try node.makePod()
        let script =
            Self.ports + """
                mkfifo "$DIR/clock"; exec 3<>"$DIR/clock"
                span=12000
                killed=0
                for round in $(seq "$COUNT"); do
                    become ADD "c$round" "$POD" >"$DIR/out" 2>&1 & pid=$!
                    read -rt "0.$(printf %06d $((RANDOM * span / 32768 % 1000000)))" -u 3
                    kill -KILL $pid 2>/dev/null; wait $pid 2>/dev/null
                    [ $? = 137 ] && { killed=$((killed + 1)); span=$((span * 6 / 5)); }
                    span=$((span * 15 / 16 + 100))
                    call DEL "c$round" "$POD" || fail "DEL after kill $round failed"
                    left="$(leftovers)$(ports)"
                    [ -z "$left" ] || fail "round $round leaves: $left"
                done
                [ $killed -gt $((COUNT / 4)) ] || fail "only $killed of $COUNT were killed"
                """
        try StressTests().shell(
            node, script, config: config(node),
            ["POD": PluginNode.path(pod), "COUNT": "\(80 * StressTests.factor)"])
    }

    @Test func `ADD and DEL with host ports at once leave all or nothing`() throws {
        let node = try PluginNode()
        let pod = try node.makePod()
        let script =
            Self.ports + """
                mkfifo "$DIR/clock"; exec 3<>"$DIR/clock"
                for round in $(seq "$COUNT"); do
                    call ADD c$round "$POD" >"$DIR/out" 2>/dev/null & add=$!
                    [ $((RANDOM % 3)) = 0 ] || read -rt "0.0$((RANDOM % 10))" -u 3
                    call DEL c$round "$POD" >"$DIR/del" || fail "DEL $round failed: $(cat "$DIR/del")"
                    wait $add; status=$?
                    has=0; [ -z "$(ports)" ] || has=1
                    link=0; [ -z "$(ls -d /sys/class/net/mlt* 2>/dev/null)" ] || link=1
                    [ $has = $link ] || fail "round $round: ports $has, link $link, ADD ended with $status"
                    call DEL c$round "$POD" || fail "second DEL $round failed"
                    left="$(leftovers)$(ports)"
                    [ -z "$left" ] || fail "round $round leaves: $left"
                done
                """
        try StressTests().shell(
            node, script, config: config(node),
            ["POD": PluginNode.path(pod), "COUNT": "\(60 * StressTests.factor)"])
    }
}
