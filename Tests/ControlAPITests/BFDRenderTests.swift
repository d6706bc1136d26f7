import ControlAPI
import Testing

@Suite struct BFDRenderTests {
    @Test func `a row for each session, with what is wrong`() {
        #expect(
            Render.bfd(Canned.bfd) == """
                PEER   ADDRESS      STATE  SINCE  SEND  DETECT  DOWNS  INFO
                tor-a  192.0.2.1    Up     2h01m  50ms   150ms      1
                tor-b  2001:db8::1  Down      3s    1s       -      1  nothing was received for the detection time (3s ago)
                tor-c  fe80::1%3    Down   1m01s  1.5s       -      0  the peer is not heard

                """)
        let wide = Render.bfd(Canned.bfd, wide: true)
        #expect(wide.contains("50ms     12.5ms   3/3  one      keyed-sha1"))
        #expect(wide.contains("several") && wide.contains("17/99"))
    }

    @Test func `without real-time priority it says so, and without sessions how to have one`() {
        var document = Canned.bfd
        document.realTime = false
        #expect(Render.bfd(document).hasSuffix("BFD has no real-time priority: intervals below 100 ms are not kept.\n"))
        document.sessions = []
        #expect(Render.bfd(document) == "No peer has BFD: add bfd to it in martletd.yaml.\n")
    }

    @Test func `a session shows its BFD, and the table has a column where anybody has it`() throws {
        var session = Canned.torUp
        #expect(!Render.sessions(SessionsDocument(sessions: [session])).contains("BFD"))
        session.bfd = Canned.bfd.sessions[0]
        let table = Render.sessions(SessionsDocument(sessions: [session]))
        #expect(table.contains("BFD") && table.contains("Up"))
        #expect(Render.session(session).contains("Up for 2h01m; every 50ms, detection in 150ms\n"))
        let document = SessionsDocument(sessions: [session])
        #expect(try ControlJSON.decode(SessionsDocument.self, from: try ControlJSON.encode(document)) == document)
    }
}
