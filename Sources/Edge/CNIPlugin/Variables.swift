/// Names with values: the environment, or the pairs of CNI_ARGS. A list and not a dictionary: it is short, and the
/// first dictionary of a process costs as much as reading the whole configuration (its type is made at run time).
package struct Variables: Hashable, Sendable, ExpressibleByDictionaryLiteral {
    private struct Entry: Hashable {
        let name: String
        var value: String
    }

    private var entries: [Entry] = []

    package init(dictionaryLiteral elements: (String, String)...) {
        for (name, value) in elements { self[name] = value }
    }

    /// In order of names, so that equal dictionaries give equal lists.
    package init(_ dictionary: [String: String]) {
        for (name, value) in dictionary.sorted(by: { $0.key < $1.key }) { self[name] = value }
    }

    package subscript(_ name: String) -> String? {
        get { entries.first { $0.name == name }?.value }
        set {
            let index = entries.firstIndex { $0.name == name }
            guard let newValue else {
                if let index { entries.remove(at: index) }
                return
            }
            if let index { entries[index].value = newValue } else { entries.append(Entry(name: name, value: newValue)) }
        }
    }

    /// Sets what `other` has.
    package mutating func merge(_ other: Variables) {
        for entry in other.entries { self[entry.name] = entry.value }
    }

    /// `NAME=VALUE`, as exec takes them.
    package var assignments: [String] { entries.map { "\($0.name)=\($0.value)" } }
}

extension Variables {
    /// Reads `NAME=VALUE` texts between separators; what is no assignment is skipped.
    package init(_ bytes: [UInt8], separator: UInt8) {
        var start = 0
        while start < bytes.count {
            var end = start
            var equals: Int?
            while end < bytes.count, bytes[end] != separator {
                if equals == nil, bytes[end] == UInt8(ascii: "=") { equals = end }
                end += 1
            }
            if let equals {
                self[String(decoding: bytes[start..<equals], as: UTF8.self)] = String(
                    decoding: bytes[(equals + 1)..<end], as: UTF8.self)
            }
            start = end + 1
        }
    }
}
