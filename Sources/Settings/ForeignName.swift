// SPDX-License-Identifier: Apache-2.0

/// What those who come from another proxy write, and what says the same here.
enum ForeignName {
    /// `; here it is …`, or nothing.
    static func hint(_ name: String) -> String { meanings[name.lowercased()].map { "; \($0)" } ?? "" }

    /// Of directives that have another shape here, though the same name.
    static func misplaced(_ name: String, _ scope: DirectiveScope, opensBlock: Bool) -> String {
        guard name == "server", scope != .upstream, opensBlock else { return "" }
        return "; `listen` and `route` need no block around them"
    }

    private static let route = "here it is `route PATTERN { … }`"
    private static let upstream = "here it is `upstream NAME { server HOST:PORT }`"
    private static let timeout = "here it is `timeout connect= first_byte= idle=`"
    private static let client = "here it is `client keep_alive= head_timeout= body_idle= send_idle=`"
    private static let limits = "here it is `limits request_line= field_line= head= body=`"
    private static let compress = "here it is `compress br gzip` in a route"
    private static let tls = "Larder speaks HTTP without TLS; let what stands before it end TLS"
    private static let noBlock = "its content stands at the top level here, without a block"

    private static let meanings: [String: String] = [
        // nginx
        "location": route, "http": noBlock, "events": noBlock, "proxy_pass": "here it is `upstream http://HOST:PORT`",
        "worker_processes": "here it is `workers N`", "worker_connections": "here it is `limits connections=N`",
        "error_log": "here it is `event_log PATH`, and `log_level`",
        "server_name": "here it is `route PATTERN host=NAME`",
        "proxy_cache": "every route caches unless it says `pass`", "proxy_cache_path": "here it is `memory SIZE`",
        "proxy_cache_valid": "here it is `ttl [STATUS,…] DURATION`", "proxy_cache_key": "here it is `key`",
        "proxy_cache_lock": "here it is `coalesce on`", "proxy_cache_use_stale": "here it is `stale if_error=`",
        "proxy_cache_bypass": "here it is `pass`", "proxy_no_cache": "here it is `pass`",
        "proxy_cache_background_update": "here it is `stale while_revalidate=`",
        "proxy_buffering": "nothing need be said",
        "proxy_connect_timeout": timeout, "proxy_read_timeout": timeout, "proxy_send_timeout": timeout,
        "proxy_set_header": "`host` and `forwarded` say what the upstream is told", "proxy_http_version": "it is 1.1",
        "keepalive": "here it is `pool max= idle_timeout=` in an upstream", "keepalive_timeout": client,
        "keepalive_requests": "here it is `client max_requests=N`", "client_header_timeout": client,
        "client_body_timeout": client, "send_timeout": client, "client_max_body_size": limits,
        "client_header_buffer_size": limits, "large_client_header_buffers": limits, "gzip": compress,
        "gzip_types": "here it is `compress types=`", "gzip_min_length": "here it is `compress min=`",
        "brotli": compress,
        "resolver": "here it is `resolve every=`", "set_real_ip_from": "here it is `trusted_proxies CIDR`",
        "real_ip_header": "here it is `trusted_proxies CIDR`", "ssl_certificate": tls, "ssl": tls,
        "log_format":
            "here it is `access_log json` or `access_log combined`",
        "user": "the service manager says who runs it", "pid": "the service manager knows it",
        // HAProxy
        "frontend": "here it is `listen` and `route`", "backend": upstream, "bind": "here it is `listen ADDRESS:PORT`",
        "default_backend": "here it is `upstream NAME` in `route *`", "use_backend": route, "global": noBlock,
        "maxconn": "here it is `limits connections=N`", "mode": "it is always HTTP", "log": "here it is `access_log`",
        // Varnish
        "vcl": "Larder takes no VCL", "sub": "Larder takes no VCL",
        "acl": "`trusted_proxies` and `purge_method allow=` "
            + "name networks", "probe": "servers are not probed", "director": upstream,
        "grace":
            "here it is `stale while_revalidate= if_error=`",
        // What others call it
        "port": "here it is `listen ADDRESS:PORT`", "cache": "here it is `memory SIZE`, and `ttl` in a route",
        "purge": "here it is `purge_method on`", "threads": "here it is `workers N`", "proxy": "here it is `upstream`",
        "origin": upstream, "rewrite": "paths are passed on as they are", "root": "Larder serves no files",
    ]
}
