// SPDX-License-Identifier: Apache-2.0

/// What the help, the reference and the example say of a directive.
package struct DirectiveDescription: Sendable {
    package let name: String
    /// `memory SIZE [max_object=SIZE]`
    package let synopsis: String
    /// One line.
    package let summary: String
    /// What else there is to know; may be empty.
    package let details: String
    package let parameters: [ParameterDescription]
    package let isRepeatable: Bool
    package let opensBlock: Bool
    /// The line that says the defaults; nil when there are none.
    package let defaultLine: String?
    package let example: String
}

extension DirectiveDescription {
    /// The one directive that is none of a table: whoever reads the statements puts the file in its place.
    package static let include = DirectiveDescription(
        name: "include", synopsis: "include PATH", summary: "Reads another file in this place.",
        details: "A relative PATH starts at the directory of the file that names it. A * in its last part takes all "
            + "files that match, in order of name. Files nest at most \(ConfigFiles.maxIncludeDepth) deep.",
        parameters: [
            ParameterDescription(
                name: "PATH", shape: .text("PATH"), presence: .required, help: "A file, or several by a *.")
        ], isRepeatable: true, opensBlock: false, defaultLine: nil, example: "include conf.d/*.conf")
}
