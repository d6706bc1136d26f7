import Foundation
import Lab
import TestKit
import Testing

extension Interop {
    /// Every router of the matrix with every feature: docs/interop.md is its table.
    @Suite(.serialized)
    struct MatrixTests {
        private func run(_ cell: Cell) async throws {
            let outcome = await MatrixRun.shared.outcome(of: cell)
            try await MatrixReport.shared.note(cell, outcome)
            if case .failed(let reason) = outcome { Issue.record(Comment(rawValue: reason)) }
        }

        @Test(arguments: Matrix.cells(of: .frr)) func `with FRR`(cell: Cell) async throws { try await run(cell) }

        @Test(arguments: Matrix.cells(of: .bird)) func `with BIRD`(cell: Cell) async throws { try await run(cell) }

        @Test(arguments: Matrix.cells(of: .gobgp)) func `with GoBGP`(cell: Cell) async throws { try await run(cell) }

        @Test(arguments: Matrix.cells(of: .openbgpd)) func `with OpenBGPD`(cell: Cell) async throws {
            try await run(cell)
        }

        @Test(arguments: Matrix.cells(of: .exabgp)) func `with ExaBGP`(cell: Cell) async throws { try await run(cell) }

        @Test(.enabled(if: !MatrixReport.isWriting, "the page is being written"))
        func `the page in docs is what the matrix says when every test passes`() throws {
            let page = try String(contentsOfFile: MatrixDocument.path, encoding: .utf8)
            #expect(page == MatrixDocument.text { _ in .passed }, "run `make interop-table`")
        }

        @Test(arguments: RouterKind.allCases) func `the routers are of the versions that the page names`(
            router: RouterKind
        ) throws {
            let (_, version, package) = Matrix.identity(router)
            let found = try require("dpkg-query", "-W", "-f", "${source:Upstream-Version}", package)
            #expect(found == version || found.hasPrefix(version + "."), "\(package) \(found)")
        }
    }
}
