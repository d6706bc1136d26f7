/// What the programs of one build have in common.
package enum Release {
    /// Semantic version of Martlet.
    package static let version = "0.1.0"
}
