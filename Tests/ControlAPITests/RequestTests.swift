import ControlAPI
import NetTypes
import Testing

struct RequestTests {
    private static func prefix(_ text: String) throws -> Prefix { try #require(Prefix(text)) }

    @Test func `a selection keeps exact, inner and longest prefixes`() throws {
        let all = try ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.2.0.0/16", "fd00::/8"].map(Self.prefix)
        func texts(_ selection: PrefixSelection?) -> [String]? {
            selection?.select(all, prefix: \.self).map(\.description)
        }
        #expect(texts(.all)?.count == 5)
        #expect(texts(PrefixSelection(argument: "10.1.0.0/16")) == ["10.1.0.0/16"])
        #expect(texts(PrefixSelection(argument: "10.1.0.0/16", longer: true)) == ["10.1.0.0/16", "10.1.2.0/24"])
        #expect(texts(PrefixSelection(argument: "10.1.2.3")) == ["10.1.2.0/24"])
        #expect(texts(PrefixSelection(argument: "10.9.9.9")) == ["10.0.0.0/8"])
        #expect(texts(PrefixSelection(argument: "11.0.0.1")) == [])
        #expect(PrefixSelection(argument: "10.1.2.3/16") == nil)
        #expect(PrefixSelection(argument: "10.1.2.3", longer: true) == nil)
        #expect(PrefixSelection(argument: "x") == nil)
    }

    @Test func `parameters must fit together`() {
        for (parameters, message) in [
            ([("prefix", "10.0.0.0/8"), ("address", "10.0.0.1")], "give prefix or address, not both"),
            ([("longer", "true")], "longer needs prefix=PREFIX"),
            ([("prefix", "10.0.0.0/8"), ("longer", "yes")], "longer must be true or false"),
            ([("peer", "tor-1")], "peer needs table=received, table=rejected or table=advertised"),
            ([("table", "received")], "name a peer: peer=NAME"),
            ([("limit", "1"), ("limit", "2")], "the parameter limit is given twice"),
        ] {
            #expect(throws: ControlRequestError(status: 400, message: message)) {
                try ControlRequest(path: "/v1/routes", parameters: parameters.map { (key: $0.0, value: $0.1) })
            }
        }
    }

    @Test func `requests of operators go there and back`() throws {
        for (request, path) in [
            (ControlRequest.explain(try Self.prefix("10.244.2.7/32")), "/v1/explain/10.244.2.7"),
            (.explain(try Self.prefix("10.244.2.0/24")), "/v1/explain/10.244.2.0%2F24"),
            (.history("tor-1"), "/v1/sessions/tor-1/history"), (.undrain, "/v1/undrain"), (.health, "/healthz"),
            (.drain(DrainOrder(waitMilliseconds: 500, message: "a b")), "/v1/drain?wait=500ms&message=a%20b"),
            (.order(.shutdown(message: "a b"), peer: "tor-1"), "/v1/sessions/tor-1/shutdown?message=a%20b"),
            (.order(.enable, peer: "tor-1"), "/v1/sessions/tor-1/enable"),
            (.order(.reset(ResetOrder(soft: .in)), peer: "tor-1"), "/v1/sessions/tor-1/reset?soft=in"),
            (.order(.reset(ResetOrder(message: "x")), peer: "tor-1"), "/v1/sessions/tor-1/reset?message=x"),
            (.ready, "/readyz"), (.metrics, "/metrics"), (.configuration, "/v1/configuration"),
        ] {
            #expect(request.path == path)
            let parts = path.split(separator: "?", maxSplits: 1)
            let parameters = parts.dropFirst().flatMap { $0.split(separator: "&") }.map { pair in
                let halves = pair.split(separator: "=").map { String($0).replacing("%20", with: " ") }
                return (key: halves[0], value: halves[1])
            }
            let plain = String(parts[0]).replacing("%2F", with: "/")
            #expect(try ControlRequest(path: plain, parameters: parameters) == request)
        }
        #expect(ControlRequest.undrain.method == "POST")
        #expect(ControlRequest.order(.enable, peer: "tor-1").method == "POST")
        #expect(ControlRequest.health.method == "GET")
    }

    @Test func `an order that makes no sense is refused`() {
        for (path, parameters, message) in [
            ("reset", [("soft", "up")], "soft must be in, out or both"),
            (
                "reset", [("soft", "in"), ("message", "x")],
                "a soft reset sends no NOTIFICATION that could carry a message"
            ),
            ("shutdown", [("message", String(repeating: "x", count: 256))], "the message has 256 bytes, 255 at most"),
            ("enable", [("message", "x")], "this path has no parameter message"),
        ] {
            #expect(throws: ControlRequestError(status: 400, message: message)) {
                try ControlRequest(
                    path: "/v1/sessions/tor/\(path)", parameters: parameters.map { (key: $0.0, value: $0.1) })
            }
        }
    }

    @Test func `times of a drain have a unit and a bound`() {
        for (text, wait) in [
            ("5s", 5000), ("500ms", 500), ("2m", 120_000), ("0", 0), ("10m", 600_000), ("11m", nil), ("5", nil),
            ("", nil), ("-5s", nil), ("s", nil), ("99999999999999999999s", nil), ("5h", nil),
        ] as [(String, Int?)] {
            #expect(DrainOrder.milliseconds(text) == wait, "\(text)")
        }
    }

    @Test func `the wire form is stable`() throws {
        let address = try #require(IPAddress("fd00::1"))
        #expect(ControlRequest.session("2001:db8::2").path == "/v1/sessions/2001:db8::2")
        #expect(ControlRequest.session("a/b").path == "/v1/sessions/a%2Fb")
        #expect(ControlRequest.fib(.longestMatch(address)).path == "/v1/fib?address=fd00::1")
        let rejected = RouteQuery(table: .rejected(peer: nil), selection: .exact(try Self.prefix("10.0.0.0/8")))
        #expect(ControlRequest.routes(rejected).path == "/v1/routes?table=rejected&prefix=10.0.0.0%2F8")
    }
}
