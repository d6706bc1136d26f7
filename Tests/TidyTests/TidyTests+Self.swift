import Testing

/// The rules see what they must see, and nothing else.
@Suite struct TidySelfTests {
    @Test func `comments and literals are not code, interpolations are`() {
        let text = ##"""
            let a = "x! \(b.first!) y!" // c!
            /* d! /* e! */ f! */ let g = #"h! \(i!) \#(j!)"# + "\"k!"
            @Test func `l! "m`() {}
            """##
        let code = SwiftCode(text).lines.map { line in words(line).joined(separator: " ") }
        #expect(code == ["let a b first", "let g j", "Test func"])
        let original = text.split(separator: "\n" as Character)
        #expect(SwiftCode(text).lines.map(\.count) == original.map(\.count))
    }

    @Test func `multi-line strings are blanked and keep their lines`() {
        let text = "let a = \"\"\"\n    one! \"two\"\n    \\(three!)\n    \"\"\"\nlet b = c!"
        let lines = SwiftCode(text).lines
        #expect(lines.count == 5)
        #expect(lines.map(forces) == [false, false, true, false, true])
    }

    @Test(arguments: ["a!", "a.b()!.c", "a[0]!", "try! a()", "a as! B", "var a: B!", "a?.b!"])
    func `force is seen`(code: String) {
        #expect(forces(code))
    }

    @Test(arguments: ["a != b", "!a", "if !a.b {", "(!a)", "a!=b", "#if !os(Linux)", "[!a]"])
    func `negation is not force`(code: String) {
        #expect(!forces(code))
    }

    @Test func `functions are measured from their name to their last brace`() {
        let text = """
            protocol P {
                func a() throws
                init(x: Int)
            }
            func b(c: () -> Void = {}) {
                if d { e() }
            }
            struct F {
                init?(g: Int) { return nil }
                subscript(h: Int) -> Int {
                    h
                }
            }
            """
        typealias Function = SwiftCode.Function
        let expected = [Function(line: 5, length: 3), Function(line: 9, length: 1), Function(line: 10, length: 3)]
        #expect(SwiftCode(text).functions == expected)
    }

    @Test func `the table of targets is read`() throws {
        let manifest = try Manifest(
            """
            core("A"),
            core("B", ["A"]),
            edge(
                "C",
                [
                    "A", "B", logging,
                ]),
            .executableTarget(name: "d", dependencies: ["C"], path: "x"),
            """)
        #expect(manifest.dependencies == ["A": [], "B": ["A"], "C": ["A", "B", "Logging"], "d": ["C"]])
    }

    @Test func `the project is found`() throws {
        #expect(Project.targets(in: "Core").contains("NetTypes"))
        #expect(Project.sources.contains { $0.path == "Sources/Core/NetTypes/Prefix.swift" })
        #expect(Project.everything.contains { $0.path == "Package.swift" })
        #expect(try Manifest(Project.text(of: "Package.swift")).dependencies["BGPWire"] == ["NetTypes"])
    }
}
