import BGPWire
import NetTypes

/// Where it is written: the section that defines a thing, and the one that says what becomes of a bad one.
enum RFCSections {
    /// Attributes: the section that defines them, and that on their errors.
    private static let attributes: [UInt8: (definition: String, errors: String)] = [
        1: ("RFC 4271 section 5.1.1", "RFC 7606 section 7.1"),
        2: ("RFC 4271 section 5.1.2", "RFC 7606 section 7.2"),
        3: ("RFC 4271 section 5.1.3", "RFC 7606 section 7.3"),
        4: ("RFC 4271 section 5.1.4", "RFC 7606 section 7.4"),
        5: ("RFC 4271 section 5.1.5", "RFC 7606 section 7.5"),
        6: ("RFC 4271 section 5.1.6", "RFC 7606 section 7.6"),
        7: ("RFC 4271 section 5.1.7", "RFC 7606 section 7.7"),
        8: ("RFC 1997", "RFC 7606 section 7.8"),
        9: ("RFC 4456 section 8", "RFC 7606 section 7.9"),
        10: ("RFC 4456 section 8", "RFC 7606 section 7.10"),
        14: ("RFC 4760 section 3", "RFC 7606 section 7.11"),
        15: ("RFC 4760 section 4", "RFC 7606 section 7.12"),
        16: ("RFC 4360 section 2", "RFC 7606 section 7.14"),
        17: ("RFC 6793 section 3", "RFC 6793 section 6"),
        18: ("RFC 6793 section 3", "RFC 6793 section 6"),
        25: ("RFC 5701 section 2", "RFC 7606 section 7.15"),
        26: ("RFC 7311 section 3", "RFC 7311 section 3.3"),
        32: ("RFC 8092 section 3", "RFC 8092 section 6"),
        35: ("RFC 9234 section 5", "RFC 9234 section 5"),
    ]

    /// Names of attributes that our speaker does not interpret (IANA, BGP Path Attributes).
    static let otherAttributes: [UInt8: String] = [
        22: "PMSI_TUNNEL", 23: "TUNNEL_ENCAPSULATION", 24: "TRAFFIC_ENGINEERING", 27: "PE_DISTINGUISHER_LABELS",
        29: "BGP_LS", 33: "BGPSEC_PATH", 36: "BGP_DOMAIN_PATH", 37: "SFP", 38: "BFD_DISCRIMINATOR",
        40: "BGP_PREFIX_SID", 128: "ATTR_SET",
    ]

    /// Capabilities by code: name and RFC (IANA, Capability Codes).
    static let capabilities: [UInt8: (name: String, section: String)] = [
        1: ("multiprotocol", "RFC 4760 section 8"), 2: ("route refresh", "RFC 2918 section 2"),
        3: ("outbound route filtering", "RFC 5291"), 4: ("multiple labels", "RFC 8277 section 2.1"),
        5: ("extended next hop", "RFC 8950 section 4"), 6: ("extended message", "RFC 8654 section 3"),
        7: ("BGPsec", "RFC 8205"), 8: ("multiple labels", "RFC 8277 section 2.1"), 9: ("role", "RFC 9234 section 4.1"),
        64: ("graceful restart", "RFC 4724 section 3"), 65: ("four-octet AS", "RFC 6793 section 3"),
        67: ("dynamic capability", "draft-ietf-idr-dynamic-cap"), 69: ("add-path", "RFC 7911 section 4"),
        70: ("enhanced route refresh", "RFC 7313 section 3.1"),
        71: ("long-lived graceful restart", "RFC 9494 section 3.1"),
        73: ("host name", "draft-walton-bgp-hostname-capability"),
        75: ("software version", "draft-abraitis-bgp-version-capability"),
        128: ("route refresh of old speakers", "RFC 8810 section 3"),
        131: ("multisession of old speakers", "RFC 8810 section 3"),
    ]

    /// Where an attribute is defined; nil for one that has no row.
    static func definition(ofAttribute code: UInt8) -> String? { attributes[code]?.definition }

    /// The section that says what becomes of a malformed attribute.
    static func of(_ fault: AttributeFault) -> String {
        switch (fault.subcode, fault.remedy) {
        case (4, _): return "RFC 7606 section 3 c"
        case (3, _): return "RFC 7606 section 3 d"
        case (2, _): return "RFC 4271 section 6.3"
        // "Appears twice", or "runs past the attributes".
        case (1, .attributeDiscard): return "RFC 7606 section 3 g"
        case (1, .treatAsWithdraw), (1, .sessionReset): return "RFC 7606 section 4"
        case (0, _) where fault.code == 0 || fault.code == 14 || fault.code == 15: return "RFC 4760 section 7"
        default: break
        }
        if fault.reason.contains("AS 0") { return "RFC 7607 section 2" }
        return attributes[fault.code]?.errors ?? "RFC 7606 section 2"
    }

    /// The section that an error is named in.
    static func of(_ notification: NotificationMessage) -> String {
        switch (notification.code, notification.subcode) {
        case (1, _): "RFC 4271 section 6.1"
        case (2, 3): "RFC 6286 section 2.2"
        case (2, 7): "RFC 5492 section 5"
        case (2, 11): "RFC 9234 section 4.2"
        case (2, _): "RFC 4271 section 6.2"
        // The data is the attribute.
        case (3, 9): notification.data.dropFirst().first.flatMap { attributes[$0]?.errors } ?? "RFC 7606 section 5.3"
        case (3, _): "RFC 4271 section 6.3"
        case (4, _): "RFC 4271 section 6.5"
        case (5, 1...3): "RFC 6608 section 3"
        case (5, _): "RFC 4271 section 6.6"
        case (6, _): "RFC 4486 section 3"
        case (7, _): "RFC 7313 section 5"
        case (8, _): "RFC 9687 section 3"
        default: "RFC 4271 section 4.5"
        }
    }

    /// Where a NOTIFICATION's meaning is defined, beyond its form.
    static func ofMeaning(_ notification: NotificationMessage) -> String? {
        switch (notification.code, notification.subcode) {
        case (6, 2), (6, 4): notification.data.isEmpty ? "RFC 4486 section 3" : "RFC 9003 section 2"
        case (6, 9): "RFC 8538 section 3"
        case (6, 10): "RFC 9384 section 3"
        case (1...8, _): of(notification)
        default: nil
        }
    }
}
