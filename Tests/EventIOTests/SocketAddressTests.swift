// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import Testing

@Suite struct SocketAddressTests {
    @Test(arguments: [
        "127.0.0.1:80", "0.0.0.0:65535", "255.255.255.255:0", "[::]:8080", "[::1]:80", "[2001:db8::ff00:42:8329]:443",
        "[1:2:3:4:5:6:7:8]:1", "[1:0:0:4::8]:1", "unix:/run/larder.sock",
        "unix:relative",
    ])
    func canonicalTextReadsAndWritesTheSame(text: String) {
        #expect(SocketAddress(text)?.description == text)
    }

    @Test(arguments: [
        ("[2001:0DB8:0:0:0:0:0:1]:80", "[2001:db8::1]:80"), ("[::ffff:10.0.0.1]:80", "10.0.0.1:80"),
        ("[64:ff9b::192.0.2.33]:1", "[64:ff9b::c000:221]:1"), ("[1:0:0:2:0:0:0:3]:1", "[1:0:0:2::3]:1"),
        ("[1:0:0:2:3:0:0:4]:1", "[1::2:3:0:0:4]:1"), ("[::2:3:4:5:6:7:8]:1", "[0:2:3:4:5:6:7:8]:1"),
        ("[1:2:3:4:5:6:7::]:1", "[1:2:3:4:5:6:7:0]:1"),
    ])
    func otherTextIsWrittenCanonically(text: String, canonical: String) {
        #expect(SocketAddress(text)?.description == canonical)
    }

    @Test(arguments: [
        "", ":", "80", ":80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:+1", "127.0.0.1:000080",
        "127.0.0:80", "127.0.0.1.1:80", "256.0.0.1:80", "01.0.0.1:80", "1..2.3:80", "::1:80", "[127.0.0.1]:80",
        "[::1]", "[::1:80", "[:1]:80", "[1:2:3:4:5:6:7]:80", "[1:2:3:4:5:6:7:8:9]:80", "[1::2::3]:80", "[12345::]:80",
        "[1:2:3:4:5:6:7:8::]:80", "[1:]:80", "[:::]:80", "[fe80::1%eth0]:80", "[1:2:3:4:5:6:7:1.2.3.4]:80",
        "localhost:80", "unix:", "unix:\0abstract", "unix:" + String(repeating: "x", count: 108),
    ])
    func anythingElseIsRefused(text: String) { #expect(SocketAddress(text) == nil) }

    @Test func unixSocketsAreLocal() throws {
        let address = try #require(SocketAddress("unix:/tmp/socket"))
        #expect(address.isLoopback)
        #expect(address.port == 0)
        #expect(address == SocketAddress("unix:/tmp/socket"))
        #expect(address != SocketAddress("unix:/tmp/socket2"))
        #expect(Set([address, address]).count == 1)
    }

    @Test func hostsAreWrittenWithoutTheirPort() throws {
        var buffer = ByteBuffer()
        try #require(SocketAddress("[2001:db8::1]:80")).writeHost(into: &buffer)
        #expect(buffer.span.text() == "2001:db8::1")
    }
}
