import FIB

extension Configuration {
    /// Keys `fib.ecmp` and `fib.sysctl`.
    static func kernel(_ section: inout ConfigurationSection, into fib: inout FIBSettings) {
        let words = GroupStyle.allCases.map(\.rawValue).joined(separator: ", ")
        let ecmp = section.value("ecmp", "one of \(words)") { GroupStyle(rawValue: $0) }
        fib.ecmp = ecmp?.value ?? fib.ecmp
        let sysctl = section.value("sysctl", "set, or check to change nothing") { ["set": true, "check": false][$0] }
        fib.changesSettings = sysctl?.value ?? fib.changesSettings
    }
}
