// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage

/// Settings as the text that would set them, everything said and secrets masked.
package enum SettingsDump {
    package static func text(_ settings: ProxySettings) -> String {
        var lines = DirectiveTable.topLevel.flatMap { $0.write(settings) }
        // An upstream that a route names by its URL needs no block.
        for upstream in settings.upstreams where !upstream.name.contains("://") {
            lines += block(upstream, header: DirectiveTable.upstreamBlock, DirectiveTable.upstream)
        }
        for route in settings.routes {
            let draft = RouteDraft(settings: route, upstream: settings.upstreams[route.upstream].name)
            lines += block(draft, header: DirectiveTable.routeBlock, DirectiveTable.route)
        }
        for group in settings.invalidationGroups {
            lines += block(group, header: DirectiveTable.invalidationBlock, DirectiveTable.invalidation)
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func block<Scope>(
        _ scope: Scope, header: Directive<Scope>, _ table: [Directive<Scope>]
    ) -> [String] {
        ["", "\(header.write(scope).joined()) {"] + table.flatMap { $0.write(scope) }.map { "  \($0)" } + ["}"]
    }
}
