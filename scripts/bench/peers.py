# SPDX-License-Identifier: Apache-2.0
"""The servers that are compared: how each is configured for a row, started, and asked for its version.

Each has one worker, logs nothing for each request, keeps its cache in memory, and passes /pass/ through.
"""
import dataclasses
import glob
import os
import re
import shutil
import subprocess
import typing

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LARDER = os.environ.get("LARDER", os.path.join(TOP, ".build", "larder"))


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a peer runs, and what the row asks of it."""
    port: int
    origin: int
    folder: str
    large: bool = False  # bodies of 100 KB and more
    gzip: bool = False
    workers: int = 1
    redis: int = 0
    redis_prefix: str = "bench"


@dataclasses.dataclass(frozen=True)
class Peer:
    title: str
    program: str
    files: typing.Callable[[Place], dict]
    command: typing.Callable[[Place], list]
    version: tuple = ("-v",)
    environment: typing.Callable[[Place], dict] = lambda place: {}

    @property
    def path(self):
        return shutil.which(self.program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")

    def version_number(self):
        done = subprocess.run([self.path, *self.version], capture_output=True, text=True, check=False)
        found = re.search(r"\d+(?:\.\d+)+", done.stdout + done.stderr)
        return found.group() if found else "?"


def larder_files(place):
    redis = f"redis redis://127.0.0.1:{place.redis}/0 prefix={place.redis_prefix} timeout=1s hot_keys=off" if place.redis else ""
    return {"proxy.conf": f"""
listen 127.0.0.1:{place.port} backlog=4096
workers {place.workers}
memory 1GB
access_log off
log_level warning
client keep_alive=10m
limits connections=15000
{redis}
upstream origin {{
  server 127.0.0.1:{place.origin}
  pool max=512 idle_timeout=10m
}}
route /pass/* {{ upstream origin; pass }}
route /* {{
  upstream origin
  stale while_revalidate=by_origin
  coalesce on wait=20s
}}
"""}


def nginx_files(place):
    return {"nginx.conf": f"""
{'user root;' if os.geteuid() == 0 else ''}
worker_processes {place.workers};
daemon off;
pid {place.folder}/pid;
error_log stderr error;
worker_rlimit_nofile 19000;
events {{ worker_connections 9000; }}
http {{
  access_log off;
  default_type application/json;
  keepalive_timeout 600;
  keepalive_requests 1000000000;
  sendfile {'on' if place.large else 'off'};
  output_buffers 1 1m;
  client_body_temp_path {place.folder}/client;
  proxy_temp_path {place.folder}/proxy;
  fastcgi_temp_path {place.folder}/fastcgi;
  uwsgi_temp_path {place.folder}/uwsgi;
  scgi_temp_path {place.folder}/scgi;
  proxy_cache_path {place.folder}/cache levels=1:2 keys_zone=all:64m max_size=2g inactive=1d use_temp_path=off;
  open_file_cache max=15000 inactive=10m;
  open_file_cache_valid 10m;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  gzip {'on' if place.gzip else 'off'};
  gzip_types application/json;
  gzip_proxied any;
  upstream origin {{
    server 127.0.0.1:{place.origin};
    keepalive 512;
    keepalive_requests 1000000000;
  }}
  server {{
    listen 127.0.0.1:{place.port} backlog=4096;
    location /pass/ {{ proxy_pass http://origin; }}
    location / {{
      proxy_pass http://origin;
      proxy_cache all;
      proxy_cache_lock on;
      proxy_cache_lock_timeout 20s;
      proxy_cache_lock_age 20s;
      proxy_cache_use_stale updating;
      proxy_cache_background_update on;
    }}
  }}
}}
"""}


def haproxy_files(place):
    compression = "compression algo gzip\n  compression type application/json" if place.gzip else ""
    return {"haproxy.cfg": f"""
global
  nbthread {place.workers}
  maxconn 8000
  tune.bufsize {65536 if place.large else 16384}
defaults
  mode http
  timeout client 10m
  timeout server 1m
  timeout connect 5s
  http-reuse always
cache all
  total-max-size 1024
  max-object-size 2000000
  max-age 3600
frontend clients
  bind 127.0.0.1:{place.port} backlog 4096
  use_backend passed if {{ path_beg /pass/ }}
  default_backend cached
backend cached
  filter cache all
  {'filter compression' if place.gzip else ''}
  {compression}
  http-request cache-use all
  http-response cache-store all
  server origin 127.0.0.1:{place.origin}
backend passed
  server origin 127.0.0.1:{place.origin}
"""}


def varnish_files(place):
    return {"larder-bench.vcl": f"""
vcl 4.1;
backend origin {{ .host = "127.0.0.1"; .port = "{place.origin}"; }}
sub vcl_recv {{ if (req.url ~ "^/pass/") {{ return (pass); }} }}
sub vcl_backend_response {{ {'set beresp.do_gzip = true;' if place.gzip else ''} }}
"""}


def varnish_command(place):
    silent = ",".join("-" + tag for tag in ("ReqStart", "ReqMethod", "ReqURL", "ReqProtocol", "ReqHeader", "ReqAcct", "RespProtocol",
                                            "RespStatus", "RespReason", "RespHeader", "Begin", "End", "Link", "Timestamp",
                                            "VCL_call", "VCL_return", "VCL_use", "Hit", "HitPass", "HitMiss", "SessOpen",
                                            "SessClose", "Length", "TTL", "Storage", "Gzip"))
    return ["varnishd", "-F", "-j", "none", "-a", f"127.0.0.1:{place.port}", "-f", f"{place.folder}/larder-bench.vcl",
            "-s", "malloc,1g", "-n", f"{place.folder}/run", "-p", "thread_pools=1", "-p", "thread_pool_min=600",
            "-p", "thread_pool_max=2000", "-p", "vsl_mask=" + silent]


def squid_files(place):
    return {"squid.conf": f"""
http_port 127.0.0.1:{place.port} accel defaultsite=bench.test
cache_peer 127.0.0.1 parent {place.origin} 0 no-query no-digest originserver name=origin
acl passed urlpath_regex ^/pass/
http_access allow all
cache deny passed
cache_mem 1 GB
maximum_object_size_in_memory 4 MB
memory_cache_mode always
collapsed_forwarding on
client_db off
access_log none
cache_store_log none
cache_log {place.folder}/cache.log
netdb_filename none
pid_filename none
pinger_enable off
visible_hostname bench.test
coredump_dir {place.folder}
shutdown_lifetime 0 seconds
"""}


def ats_files(place):
    plugins = [path for folder in ("/usr/lib", "/usr/lib/*") for path in glob.glob(f"{folder}/trafficserver/modules/compress.so")]
    modules = os.path.dirname(plugins[0]) if plugins else place.folder
    values = {
        "proxy.config.http.server_ports": f"STRING {place.port}:ip-in=127.0.0.1",
        "proxy.config.exec_thread.autoconfig": "INT 0",
        "proxy.config.exec_thread.limit": "INT 1",
        "proxy.config.accept_threads": "INT 0",
        "proxy.config.task_threads": "INT 1",
        "proxy.config.cache.ram_cache.size": "INT 1073741824",
        "proxy.config.cache.ram_cache_cutoff": "INT 4194304",
        "proxy.config.http.insert_response_via_str": "INT 0",
        "proxy.config.http.insert_request_via_str": "INT 0",
        "proxy.config.http.cache.required_headers": "INT 0",
        "proxy.config.cache.enable_read_while_writer": "INT 1",
        "proxy.config.http.cache.open_write_fail_action": "INT 5" if not place.gzip else "INT 0",
        "proxy.config.http.keep_alive_no_activity_timeout_in": "INT 600",
        "proxy.config.log.logging_enabled": "INT 0",
        "proxy.config.diags.show_location": "INT 0",
        "proxy.config.admin.user_id": "STRING #-1",
        "proxy.config.plugin.plugin_dir": f"STRING {modules}",
        "proxy.config.url_remap.pristine_host_hdr": "INT 1",
    }
    return {
        "runroot.yaml": "".join(f"{name}: {path}\n" for name, path in {
            "prefix": place.folder, "exec_prefix": place.folder, "bindir": "/usr/bin", "sbindir": "/usr/sbin",
            "sysconfdir": f"{place.folder}/etc", "datadir": place.folder, "includedir": place.folder, "libdir": modules,
            "libexecdir": modules, "localstatedir": place.folder, "runtimedir": f"{place.folder}/run",
            "logdir": f"{place.folder}/log", "cachedir": f"{place.folder}/store"}.items()),
        "etc/records.config": "".join(f"CONFIG {name} {value}\n" for name, value in values.items()),
        "etc/remap.config": f"map / http://127.0.0.1:{place.origin}/\n",
        "etc/cache.config": "url_regex=.*/pass/.* action=never-cache\n",
        "etc/storage.config": f"{place.folder}/store 1G\n",
        "etc/plugin.config": f"compress.so {place.folder}/etc/compress.config\n" if place.gzip else "",
        "etc/compress.config": "cache true\nremove-accept-encoding true\ncompressible-content-type application/json\n"
                               "supported-algorithms gzip\n",
        "etc/ip_allow.yaml": "ip_allow:\n  - apply: in\n    ip_addrs: 127.0.0.1\n    action: allow\n    methods: ALL\n",
        "run/empty": "", "log/empty": "", "store/empty": "",
    }


PEERS = {
    "larder": Peer("Larder", LARDER, larder_files, lambda place: [LARDER, "serve", f"{place.folder}/proxy.conf"], ("version",)),
    "nginx": Peer("nginx", "nginx", nginx_files,
                  lambda place: ["nginx", "-p", place.folder, "-c", f"{place.folder}/nginx.conf"]),
    "haproxy": Peer("HAProxy", "haproxy", haproxy_files, lambda place: ["haproxy", "-db", "-f", f"{place.folder}/haproxy.cfg"]),
    "varnish": Peer("Varnish", "varnishd", varnish_files, varnish_command, ("-V",)),
    "ats": Peer("ATS", "traffic_server", ats_files, lambda place: ["traffic_server", f"--run-root={place.folder}/runroot.yaml"],
                ("--version",)),
    "squid": Peer("Squid", "squid", squid_files, lambda place: ["squid", "-N", "-f", f"{place.folder}/squid.conf"]),
}


def start(name, rig, cpus=None, **wishes):
    """A peer with a cache that is empty. Answers its process and where it is."""
    peer = PEERS[name]
    folder = os.path.join(rig.folder, f"{name}-{len(os.listdir(rig.folder))}")
    place = Place(port=wishes.pop("port"), origin=rig.origin_port, folder=folder, **wishes)
    for path, content in peer.files(place).items():
        path = os.path.join(folder, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
    for inside, folders, _ in os.walk(folder):
        for path in [inside, *(os.path.join(inside, other) for other in folders)]:
            os.chmod(path, 0o777)  # some give up root for a user of their own
    command = peer.command(place)
    process = rig.start([peer.path, *command[1:]], name, place.port, cpus or rig.server_cpus, folder=folder)
    return process, place
