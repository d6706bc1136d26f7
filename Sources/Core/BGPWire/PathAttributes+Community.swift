extension PathAttributes {
    /// The same attributes with one community (RFC 1997) more. Decodes everything, so only for what is rare.
    package func adding(_ community: Community) -> PathAttributes {
        var fields = AttributeFields(self)
        guard !fields.communities.contains(community.rawValue) else { return self }
        fields.communities.append(community.rawValue)
        var result = PathAttributes(fields, nextHop: nextHop, linkLocalNextHop: linkLocalNextHop)
        result.weight = weight
        return result
    }
}
