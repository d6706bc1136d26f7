import Testing

/// What the compiler does not check of the house. A finding is `file:line: what is wrong`.
@Suite struct TidyTests {
    // MARK: - Arrows

    @Test func `core targets import nothing but core targets`() {
        let core = Set(Project.targets(in: "Core"))
        expectNone(imports { file, module in file.parts[1] == "Core" && !core.contains(module) })
    }

    @Test func `c modules are imported by edge targets only, but for the macros of linux`() {
        let modules = Set(Project.targets(in: "C"))
        expectNone(
            imports { file, module in
                modules.contains(module) && file.parts[1] != "Edge" && !(file.parts[1] == "Tools" && module == "CLinux")
            })
    }

    @Test func `a target imports only what the package's table gives it`() throws {
        let manifest = try Manifest(Project.text(of: "Package.swift"))
        let system: Set = ["Glibc", "Dispatch", "FoundationEssentials", "Synchronization"]
        expectNone(
            imports { file, module in
                guard let declared = manifest.dependencies[file.parts[2]] else { return true }
                return !declared.contains(module) && !system.contains(module)
            })
    }

    @Test func `the network library of others stays out`() throws {
        let all = Project.sources + Project.tests
        let package = try Project.text(of: "Package.swift")
        expectNone(imports(of: all) { _, module in module.hasPrefix("NIO") })
        #expect(!package.contains("swift-nio"))
    }

    @Test func `sources use the small Foundation only`() {
        expectNone(imports { _, module in ["Foundation", "FoundationNetworking", "XCTest"].contains(module) })
    }

    @Test func `every core and edge target has tests of its own`() {
        let tested = Set(
            Project.tests.filter { file in file.lines.contains { $0.contains("@Test") } }.map { $0.parts[1] })
        let untested = ["Core", "Edge"].flatMap { layer in
            Project.targets(in: layer).filter { !tested.contains("\($0)Tests") }.map {
                "Sources/\(layer)/\($0): no tests"
            }
        }
        expectNone(untested)
    }

    @Test func `the architecture names every target`() throws {
        let manifest = try Manifest(Project.text(of: "Package.swift"))
        let text = try Project.text(of: "ARCHITECTURE.md")
        let named = text.split { !($0.isLetter || $0.isNumber || $0 == "-") }
        let targets = Array(manifest.dependencies.keys) + Project.targets(in: "C")
        expectNone(targets.filter { !named.contains(Substring($0)) }.map { "ARCHITECTURE.md: no \($0)" })
    }

    // MARK: - Sizes

    @Test func `files have at most 400 lines`() {
        expectNone(
            (Project.sources + Project.tests).filter { $0.lines.count > 400 }.map {
                "\($0.path): \($0.lines.count) lines"
            })
    }

    @Test func `functions have at most 70 lines`() {
        expectNone(
            (Project.sources + Project.tests).flatMap { file in
                file.code.functions.filter { $0.length > 70 }.map { "\(file.path):\($0.line): \($0.length) lines" }
            })
    }

    @Test func `lines have at most 120 columns, but for text that is printed so`() {
        expectNone(
            lines(Project.sources + Project.tests) { raw, code in
                let isText = words(code).isEmpty && !raw.drop { $0 == " " }.hasPrefix("//")
                return raw.count > 120 && !isText
            })
    }

    @Test func `tools put together what others do, in files of at most 150 lines`() {
        let tools = Project.sources.filter { $0.parts[1] == "Tools" }
        expectNone(tools.filter { $0.lines.count > 150 }.map { "\($0.path): \($0.lines.count) lines" })
    }

    // MARK: - Words

    @Test func `nothing in the sources can trap for want of a value`() throws {
        expectNone(lines(Project.sources) { _, code in code.contains("!") && forces(code) })
    }

    @Test func `nothing is public`() {
        expectNone(lines(Project.sources) { _, code in words(code).contains("public") })
    }

    @Test func `tests wait for events, they do not sleep`() {
        // What polls until a deadline is not a test: it has a file of its own.
        let tests = Project.tests.filter { $0.path.hasSuffix("Tests.swift") }
        expectNone(lines(tests) { _, code in code.contains("sleep(") })
    }

    @Test func `nothing is left to be done`() {
        let marks: Set<Substring> = ["TO" + "DO", "FIX" + "ME", "X" + "XX"]
        expectNone(everywhere { line in !marks.isDisjoint(with: words(line)) })
    }

    @Test func `no file knows the machine that it was written on`() {
        let places = ["/wo" + "rk/", "/ho" + "me/", "/Us" + "ers/"]
        expectNone(everywhere { line in places.contains { line.contains($0) } })
    }
}

// MARK: - Findings

func expectNone(_ findings: [String], sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(findings.isEmpty, "\n\(findings.sorted().joined(separator: "\n"))", sourceLocation: sourceLocation)
}

/// Imports that are `wrong`.
private func imports(
    of files: [Project.File] = Project.sources, where wrong: (Project.File, String) -> Bool
) -> [String] {
    files.flatMap { file in
        file.imports.filter { wrong(file, $0.module) }.map { "\(file.path):\($0.line): import \($0.module)" }
    }
}

/// Lines that are `wrong`, given as written and as code alone.
private func lines(_ files: [Project.File], where wrong: (_ raw: String, _ code: String) -> Bool) -> [String] {
    files.flatMap { file in
        zip(file.lines, file.code.lines).enumerated().filter { wrong($1.0, $1.1) }.map { index, line in
            "\(file.path):\(index + 1): \(line.0.drop { $0 == " " })"
        }
    }
}

private func everywhere(where wrong: (String) -> Bool) -> [String] {
    Project.everything.flatMap { file in
        file.lines.enumerated().filter { wrong($1) }.map { "\(file.path):\($0 + 1): \($1.prefix(100))" }
    }
}

func words(_ code: String) -> [Substring] {
    code.split { !($0.isLetter || $0.isNumber || $0 == "_") }
}

/// Whether a line of code unwraps by force: `x!`, `try!`, `as!`, or declares a `Type!`.
func forces(_ code: String) -> Bool {
    let characters = Array(code.utf8)
    return characters.indices.contains { index in
        guard characters[index] == UInt8(ascii: "!"), index > 0 else { return false }
        let (before, after) = (characters[index - 1], index + 1 < characters.count ? characters[index + 1] : 0)
        let isLetter = (before | 0x20) >= UInt8(ascii: "a") && (before | 0x20) <= UInt8(ascii: "z")
        let isDigit = before >= UInt8(ascii: "0") && before <= UInt8(ascii: "9")
        return (isLetter || isDigit || ")]}>_?".utf8.contains(before)) && after != UInt8(ascii: "=")
    }
}
