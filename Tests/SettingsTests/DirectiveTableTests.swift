// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage
import Testing

@testable import Settings

@Suite struct DirectiveTableTests {
    @Test func everyRowIsComplete() {
        for placed in DirectiveTable.all {
            let directive = placed.description
            #expect(!placed.scopes.isEmpty, "\(directive.name)")
            #expect(directive.summary.hasSuffix("."), "\(directive.name)")
            #expect(directive.example.hasPrefix(directive.name), "\(directive.name)")
            #expect(directive.synopsis.hasPrefix(directive.name), "\(directive.name)")
            for parameter in directive.parameters {
                #expect(parameter.help.hasSuffix("."), "\(directive.name) \(parameter.name)")
            }
        }
    }

    /// `text` where `directive` may stand, in a file that is right otherwise.
    private func file(_ text: String, for placed: PlacedDirective) -> String {
        switch placed.scopes[0] {
        case .topLevel: "upstream a { server a:1 }\n\(text)"
        case .upstream: "upstream a {\n\(placed.description.name == "server" ? "" : "server a:1")\n\(text)\n}"
        case .route, .defaults: "upstream api { server a:1 }\nroute /t {\n\(text)\n}"
        case .invalidation: "upstream a { server a:1 }\ninvalidation g {\n\(text)\n}"
        }
    }

    @Test func everyExampleIsRight() {
        for placed in DirectiveTable.all where placed.description.name != "include" {
            let directive = placed.description
            var text = file(directive.example, for: placed)
            // This route's upstream is part of its example, and the only one then.
            if directive.name == "route" { text = "upstream api { server a:1 }\n" + directive.example }
            if directive.name == "upstream", directive.opensBlock { text = directive.example }
            let report = parse(text)
            #expect(report.settings != nil, "\(directive.name): \(findings(report))")
        }
    }

    @Test func everyDefaultLineChangesNothing() throws {
        for placed in DirectiveTable.all {
            guard let line = placed.description.defaultLine else { continue }
            #expect(try settings(file(line, for: placed)) == settings(file("", for: placed)), "\(line)")
        }
    }

    /// Each example says something other than the default, so that it must show in the settings.
    @Test func everyExampleChangesTheSettings() throws {
        for placed in DirectiveTable.all {
            let directive = placed.description
            if directive.opensBlock || directive.name == "include" { continue }
            if ["balance", "pass", "workers", "via"].contains(directive.name) { continue }
            if directive.example == directive.defaultLine { continue }
            let before = parse(file("", for: placed)).settings
            #expect(parse(file(directive.example, for: placed)).settings != before, "\(directive.example)")
        }
    }

    // MARK: Dump

    private static let everything = """
        listen 0.0.0.0:80 backlog=7; listen unix:/run/x
        workers 3; memory 2GB connections=10% max_object=1MB max_ttl=5m; timeout connect=1s idle=off; client max_requests=5
        limits body=5MB; access_log off; log_level debug; event_log /var/log/e; trusted_proxies 10.0.0.0/8 ::1 fields=both
        forwarded off; via off; cache_name Edge; x_cache on; purge_method on allow=192.0.2.1; drain_timeout 5s
        upstream a { server b:1 weight=2; server [::1]:2; pool min=2; timeout first_byte=1s; host server; retries 0 }
        defaults { upstream a; jitter 5% }
        route /x/* methods=GET host=a.b {
          ttl 5m force; ttl 404 30s; stale if_error=2s; key query=sorted drop='a;b' cookie=sid
          tags header=none; coalesce off; client_cache_control honor; store set_cookie=stripped
          targeted_fields off; slow off; timeout idle=9s; max_variants 4
        }
        route /y { upstream http://c:1; pass }
        invalidation g { tag "tag" key /k?a=b prefix "/p{" }
        """

    @Test func aDumpReadsBackAsTheSame() throws {
        let all = try settings(Self.everything)
        let dump = SettingsDump.text(all)
        #expect(try settings(dump) == all, "\(dump)")
        #expect(try SettingsDump.text(settings(dump)) == dump)
    }

    @Test func theDefaultsDumpAsTheDefaults() throws {
        var read = try settings(SettingsDump.text(ProxySettings()))
        read.upstreams = []
        read.routes = []
        #expect(read == ProxySettings())
    }

    @Test func aDumpMasksSecrets() throws {
        let all = try settings("admin 127.0.0.1:1 token=hush\npurge_method on token=hush\nupstream a { server a:1 }")
        #expect(!SettingsDump.text(all).contains("hush"))
        #expect(SettingsDump.text(all).contains("admin 127.0.0.1:1 token=********"))
    }

    // MARK: Help

    @Test func everyDirectiveIsInTheHelpAndTheReference() throws {
        let list = DirectiveHelp.list()
        let reference = DirectiveHelp.markdown()
        for directive in DirectiveTable.all.map(\.description) {
            #expect(list.contains("  \(directive.name) "))
            #expect(reference.contains("#### `\(directive.synopsis)`"))
            let help = try #require(DirectiveHelp.directive(directive.name))
            #expect(help.contains(directive.summary))
            for parameter in directive.parameters { #expect(help.contains(parameter.name)) }
        }
        #expect(DirectiveHelp.directive("nothing") == nil)
    }

    @Test func theHelpOfADirectiveReadsAtOnce() throws {
        #expect(
            try #require(DirectiveHelp.directive("memory")) == """
                memory SIZE [connections=N%] [max_object=SIZE] [max_ttl=DURATION|off]

                  Limits the memory of the process.

                  In:       the top level
                  Default:  memory 256MB connections=25% max_object=16MB max_ttl=off
                  Example:  memory 1GB connections=20% max_object=8MB max_ttl=5m

                  SIZE              What is stored, keys and bookkeeping included, and what connections hold.
                                    1MB to 16TB; default 256MB
                  connections       The part of it for what clients make Larder hold: begun heads, collected bodies, answers that they do not take; at least 4MB. Past it newcomers get 503 and the slowest are cut off; stored responses do not pay for it.
                                    N%; 1% to 75%; default 25%
                  max_object        Head and body of one response; a larger one is passed on and not stored.
                                    SIZE; 1KB to 1TB; default 16MB
                  max_ttl           No entry is fresh in memory for longer.
                                    DURATION|off; 0 to 365d; off: no limit; default off

                """)
    }
}
