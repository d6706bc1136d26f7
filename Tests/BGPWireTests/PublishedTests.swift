import BGPWire
import NetTypes
import TestKit
import Testing

/// Inputs that broke other speakers, as their advisories describe them; each fixture names them and says what ours has
/// to make of it.
@Suite struct PublishedTests {
    private static let fixtures = Result { try Fixture.all(under: "messages/published") }

    /// What each must be in a fixture: numbers of CVEs, and words for what has none.
    private static let wanted = [
        "CVE-2019-5892", "CVE-2022-40302", "CVE-2022-40318", "CVE-2022-43681", "CVE-2023-38283", "CVE-2023-38406",
        "CVE-2023-38407", "CVE-2023-38802", "CVE-2023-41358", "CVE-2023-41359", "CVE-2023-41360", "CVE-2023-41361",
        "CVE-2023-44186", "CVE-2023-4481", "CVE-2023-46752", "CVE-2023-46753", "CVE-2023-47234", "CVE-2023-47235",
        "CVE-2024-31948", "CVE-2024-44070", "CVE-2025-59688", "CVE-2026-30405", "CVE-2026-37457", "CVE-2026-37461",
        "CVE-2026-37462", "CVE-2026-41643", "CVE-2026-49943", "VU#347067", "Grave flaws", "20 May 2025",
        "8 and 24 October 2025", "OpenBGPD, May 2026", "FRR 3e46b43e37", "FRR e1eb4ba98a", "FRR 5e8a8d0ed6",
        "FRR 7d5873cdc4", "FRR 5fd5e49544", "7a110595c5", "BIRD 3bfb3e321", "GoBGP 173621ff", "70ff940fd1",
        "44f3385741", "1238ac4a06", "32f91a88b6", "4435247a9", "ab59af36f",
    ]

    @Test func `each published input has a fixture`() throws {
        let origins = try Self.fixtures.get().compactMap { $0.directives["published"] }
        for name in Self.wanted { #expect(origins.contains { $0.contains(name) }, "\(name)") }
        #expect(try origins.count == Self.fixtures.get().count, "every fixture here says where it was published")
    }

    @Test func `none ends more than it must`() throws {
        for fixture in try Self.fixtures.get() {
            let verdict = try #require(fixture.directives["verdict"], "\(fixture)")
            #expect(Self.verdict(fixture) == verdict, "\(fixture)")
        }
    }

    /// The worst that happens: `accept`, `discard` (of an attribute), `withdraw`, or `error CODE.SUBCODE`.
    private static func verdict(_ fixture: Fixture) -> String {
        let transcript = Transcript(fixture.bytes, in: DecodeContext(fixture))
        if let error = transcript.error { return "error \(error.code).\(error.subcode)" }
        let faults = transcript.messages.compactMap(\.update).flatMap(\.faults)
        return switch faults.map(\.remedy).max() {
        case .sessionReset: "reset"
        case .treatAsWithdraw: "withdraw"
        case .attributeDiscard: "discard"
        case nil: "accept"
        }
    }
}
