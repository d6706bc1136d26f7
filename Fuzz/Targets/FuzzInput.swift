/// A fuzzer's input, read as choices. An input that ends gives zeros, so every beginning of an input is an input too.
struct FuzzInput {
    private var bytes: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { self.bytes = bytes[...] }

    var isAtEnd: Bool { bytes.isEmpty }

    mutating func byte() -> UInt8 { bytes.popFirst() ?? 0 }

    mutating func short() -> UInt16 { UInt16(byte()) << 8 | UInt16(byte()) }

    mutating func word() -> UInt32 { UInt32(short()) << 16 | UInt32(short()) }

    /// At most `count` octets of what is left.
    mutating func take(_ count: Int) -> ArraySlice<UInt8> {
        defer { bytes = bytes.dropFirst(count) }
        return bytes.prefix(count)
    }

    /// One of `values`, which are not empty.
    mutating func choose<Value>(_ values: [Value]) -> Value { values[Int(byte()) % values.count] }
}

/// Ends the run when what must be true is not; unlike `precondition` it says what, also in a release build.
func mustHold(_ condition: Bool, _ message: @autoclosure () -> String) {
    guard condition else { fatalError(message()) }
}
