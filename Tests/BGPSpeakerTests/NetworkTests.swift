import Testing

@Suite struct NetworkTests {
    @Test(arguments: 1...200) func `finds every shortest path and no other after any disturbance`(seed: UInt64) throws {
        let network = VirtualNetwork(seed: seed)
        for _ in 0..<3 {
            try network.disturb(40)
            try network.settle()
            network.check()
        }
        network.raiseAll()
        try network.settle()
        network.check()
    }
}
