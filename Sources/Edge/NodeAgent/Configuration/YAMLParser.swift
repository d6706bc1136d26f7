import CYAML

/// Reads one YAML document into a tree with libyaml.
///
/// What a configuration does not need is refused, because it makes files that mean something else than they
/// show: anchors
/// and aliases, several documents, duplicate keys. Tags are ignored. Depth and size are bounded.
struct YAMLParser: ~Copyable {
    /// Longest text, in bytes.
    static let sizeLimit = 1 << 20
    /// Deepest nesting.
    static let depthLimit = 24

    /// Faults that did not stop the parser.
    private var problems: [YAMLProblem] = []
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let text: UnsafeBufferPointer<UInt8>

    /// The tree, nil for an empty or unreadable document, and everything that is wrong with the text.
    static func parse(_ text: String) -> (root: YAMLNode?, problems: [YAMLProblem]) {
        guard text.utf8.count <= sizeLimit else {
            return (
                nil, [YAMLProblem(mark: .start, message: "the file is larger than 1 MiB; this is no martletd.yaml")]
            )
        }
        return Array(text.utf8).withUnsafeBufferPointer { bytes in
            guard var parser = YAMLParser(bytes) else {
                return (nil, [YAMLProblem(mark: .start, message: "out of memory; end other programs")])
            }
            var root: YAMLNode?
            do throws(YAMLProblem) { root = try parser.document() } catch { parser.problems.append(error) }
            return (root, parser.problems)
        }
    }

    private init?(_ text: UnsafeBufferPointer<UInt8>) {
        parser = .allocate(capacity: 1)
        self.text = text
        guard yaml_parser_initialize(parser) == 1 else {
            parser.deallocate()
            return nil
        }
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, text.baseAddress, text.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
    }

    /// A libyaml event without its memory.
    private enum Event: Equatable {
        case scalar(String, plain: Bool)
        case alias
        case sequenceStart, sequenceEnd, mappingStart, mappingEnd
        case documentStart, documentEnd, streamStart, streamEnd
    }

    private mutating func document() throws(YAMLProblem) -> YAMLNode? {
        var root: YAMLNode?
        while true {
            let (event, mark) = try next()
            switch event {
            case .streamStart, .documentEnd: continue
            case .streamEnd: return root
            case .documentStart:
                guard root == nil else {
                    throw YAMLProblem(
                        mark: mark, message: "a second document begins here; write one document, without \"---\"")
                }
            case .scalar, .alias, .sequenceStart, .sequenceEnd, .mappingStart, .mappingEnd:
                root = try node(event, mark, depth: 1)
            }
        }
    }

    private mutating func node(_ event: Event, _ mark: YAMLNode.Mark, depth: Int) throws(YAMLProblem) -> YAMLNode {
        guard depth <= Self.depthLimit else {
            throw YAMLProblem(
                mark: mark, message: "nested deeper than \(Self.depthLimit) levels; this is no martletd.yaml")
        }
        switch event {
        case .scalar(let text, let plain): return YAMLNode(content: .scalar(text, plain: plain), mark: mark)
        case .alias:
            problems.append(
                YAMLProblem(mark: mark, message: "YAML aliases are not allowed here; write the value again"))
            return YAMLNode(content: .scalar("", plain: true), mark: mark)
        case .sequenceStart: return YAMLNode(content: .sequence(try sequence(depth)), mark: mark)
        case .mappingStart: return YAMLNode(content: .mapping(try mapping(depth)), mark: mark)
        case .sequenceEnd, .mappingEnd, .documentStart, .documentEnd, .streamStart, .streamEnd:
            throw YAMLProblem(mark: mark, message: "not valid YAML; a value is missing here")
        }
    }

    private mutating func sequence(_ depth: Int) throws(YAMLProblem) -> [YAMLNode] {
        var nodes: [YAMLNode] = []
        while true {
            let (event, mark) = try next()
            if event == .sequenceEnd { return nodes }
            nodes.append(try node(event, mark, depth: depth + 1))
        }
    }

    private mutating func mapping(_ depth: Int) throws(YAMLProblem) -> [YAMLNode.Entry] {
        var entries: [YAMLNode.Entry] = []
        var lines: [String: Int] = [:]
        while true {
            let (event, mark) = try next()
            if event == .mappingEnd { return entries }
            let key = try node(event, mark, depth: depth + 1)
            let (valueEvent, valueMark) = try next()
            let value = try node(valueEvent, valueMark, depth: depth + 1)
            guard case .scalar(let name, _) = key.content else {
                problems.append(YAMLProblem(mark: mark, message: "a key must be a word; write KEY: VALUE"))
                continue
            }
            if let line = lines[name] {
                let message = "the key \"\(name)\" is already in line \(line); keep one of them"
                problems.append(YAMLProblem(mark: mark, message: message))
            } else {
                lines[name] = mark.line
                entries.append(YAMLNode.Entry(key: name, mark: mark, value: value))
            }
        }
    }

    private mutating func next() throws(YAMLProblem) -> (event: Event, mark: YAMLNode.Mark) {
        var raw = yaml_event_t()
        guard yaml_parser_parse(parser, &raw) == 1 else { throw fault() }
        defer { yaml_event_delete(&raw) }
        let mark = Self.mark(raw.start_mark)
        if Self.hasAnchor(raw) {
            problems.append(
                YAMLProblem(mark: mark, message: "YAML anchors are not allowed here; write the value where it is used"))
        }
        switch raw.type {
        case YAML_SCALAR_EVENT:
            let scalar = raw.data.scalar
            let text = String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
            return (.scalar(text, plain: scalar.style == YAML_PLAIN_SCALAR_STYLE), mark)
        case YAML_ALIAS_EVENT: return (.alias, mark)
        case YAML_SEQUENCE_START_EVENT: return (.sequenceStart, mark)
        case YAML_SEQUENCE_END_EVENT: return (.sequenceEnd, mark)
        case YAML_MAPPING_START_EVENT: return (.mappingStart, mark)
        case YAML_MAPPING_END_EVENT: return (.mappingEnd, mark)
        case YAML_DOCUMENT_START_EVENT: return (.documentStart, mark)
        case YAML_DOCUMENT_END_EVENT: return (.documentEnd, mark)
        case YAML_STREAM_START_EVENT: return (.streamStart, mark)
        // No event means that the stream has ended.
        default: return (.streamEnd, mark)
        }
    }

    private static func hasAnchor(_ event: yaml_event_t) -> Bool {
        switch event.type {
        case YAML_SCALAR_EVENT: event.data.scalar.anchor != nil
        case YAML_SEQUENCE_START_EVENT: event.data.sequence_start.anchor != nil
        case YAML_MAPPING_START_EVENT: event.data.mapping_start.anchor != nil
        default: false
        }
    }

    private static func mark(_ mark: yaml_mark_t) -> YAMLNode.Mark {
        YAMLNode.Mark(line: Int(clamping: mark.line) + 1, column: Int(clamping: mark.column) + 1)
    }

    /// What made the parser stop.
    private func fault() -> YAMLProblem {
        let error = parser.pointee
        let problem = error.problem.map { String(cString: $0) } ?? "out of memory"
        let context = error.context.map { " \(String(cString: $0))" } ?? ""
        guard error.error != YAML_READER_ERROR else {
            return YAMLProblem(
                mark: mark(offset: error.problem_offset), message: "not text that YAML allows: \(problem); remove it")
        }
        let mark = Self.mark(error.problem_mark)
        let hint =
            isTab(mark)
            ? "indent with spaces, not with tabs" : "look at the indentation, quotes and brackets here and above"
        return YAMLProblem(mark: mark, message: "not valid YAML: \(problem)\(context); \(hint)")
    }

    private func isTab(_ mark: YAMLNode.Mark) -> Bool {
        let lines = text.split(separator: UInt8(ascii: "\n"), maxSplits: mark.line, omittingEmptySubsequences: false)
        return lines.dropFirst(mark.line - 1).first?.dropFirst(mark.column - 1).first == UInt8(ascii: "\t")
    }

    private func mark(offset: Int) -> YAMLNode.Mark {
        let before = text.prefix(offset)
        let newline = UInt8(ascii: "\n")
        let column = before.reversed().prefix { $0 != newline }.count { $0 & 0xc0 != 0x80 }
        return YAMLNode.Mark(line: before.count { $0 == newline } + 1, column: column + 1)
    }
}
