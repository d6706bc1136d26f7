import CNIPlugin
import Testing

struct JSONTests {
    func parse(_ text: String) throws(JSONProblem) -> JSONValue { try JSONValue(parsing: Array(text.utf8)) }

    @Test(arguments: [
        #"{"b":1,"a":[true,false,null,"x"],"c":{"z":-1.50e+3}}"#, "[]", "{}", #""""#, "0", #"{"a":1,"a":2}"#,
        #""quote \" backslash \\ tab \t""#, #""\u0001""#, #""pfad/ünïcödé 😀""#,
    ])
    func `a compact document is written as it was read`(text: String) throws {
        #expect(try parse(text).description == text)
    }

    @Test func `escapes and surrogate pairs become characters`() throws {
        #expect(try parse(#""\u00e9\ud83d\ude00\/\n""#).string == "é😀/\n")
        #expect(try parse(#""\ud83dx""#).string == "\u{fffd}x")
        #expect(try parse(#""\ud83d\u0041""#).string == "\u{fffd}A")
    }

    @Test(arguments: [
        "", " ", "{", "}", "[1", "[1,]", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, "{1:2}", "01", "-", "1.", "1e", "tru",
        "nul",
        "\"\u{1}\"", #""\x""#, #""\u12"#, #""a"#, "1 2", "{} x", "'a'", "NaN", "+1",
    ])
    func `what is not JSON is refused`(text: String) { #expect(throws: JSONProblem.self) { try parse(text) } }

    @Test func `nesting is limited instead of overflowing the stack`() {
        #expect(throws: JSONProblem.self) { try parse(String(repeating: "[", count: 1_000_000)) }
        #expect(throws: JSONProblem.self) { try parse(String(repeating: #"{"a":"#, count: 1000)) }
        #expect((try? parse(String(repeating: "[", count: 90) + String(repeating: "]", count: 90))) != nil)
    }

    @Test func `bytes that are no UTF-8 do not trap`() throws {
        #expect(try JSONValue(parsing: [0x22, 0xff, 0xfe, 0x22]).string == "\u{fffd}\u{fffd}")
    }

    @Test func `keys are found in any letter case, the exact one first, null as if absent`() throws {
        let value = try parse(#"{"HostPort":1,"hostPort":2,"A":null,"NAME":"x"}"#)
        #expect(value["hostPort"]?.int == 2)
        #expect(value["HostPort"]?.int == 1)
        #expect(value["name"]?.string == "x")
        #expect(value["a"] == nil)
        #expect(value["missing"] == nil)
    }

    @Test func `a key that is set keeps its place and the others`() throws {
        var value = try parse(#"{"CniVersion":"1.1.0","x":1.10,"ipam":{}}"#)
        value.set("cniVersion", .string("1.0.0"))
        value.set("new", .bool(true))
        #expect(value.description == #"{"CniVersion":"1.0.0","x":1.10,"ipam":{},"new":true}"#)
    }
}
