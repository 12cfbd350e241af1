//! Which addresses are out on the internet, and which are somebody's insides.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether the address is public: global unicast, and not a way to write or to reach another kind of address.
///
/// Sources: the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890), as far as they are not globally
/// reachable. Of IPv6 only 2000::/3 is public at all, so loopback, link-local, unique local (with the metadata service
/// fd00:ec2::254), multicast, IPv4-mapped and NAT64 addresses are out by not being in.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    !matches!(
        (first, second, third),
        (0 | 10 | 127, ..) // this network, private, loopback
            | (100, 64..=127, _) // carrier-grade NAT
            | (169, 254, _) // link-local, with the metadata services
            | (172, 16..=31, _) // private
            | (192, 0, 0 | 2) // protocol assignments, documentation
            | (192, 88, 99) // 6to4 relays
            | (192, 168, _) // private
            | (198, 18..=19, _) // benchmarks
            | (198, 51, 100) // documentation
            | (203, 0, 113) // documentation
            | (224.., ..) // multicast, reserved, broadcast
    )
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let is_global_unicast = segments[0] & 0xe000 == 0x2000;
    let is_special = matches!(
        (segments[0], segments[1]),
        (0x2001, 0x0000..=0x01ff) // protocol assignments, with Teredo
            | (0x2001, 0x0db8) // documentation
            | (0x2002, _) // 6to4: an IPv4 address in other words
            | (0x3fff, 0x0000..=0x0fff) // documentation
    );
    is_global_unicast && !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(addresses: &[&str], expected: bool) {
        for address in addresses {
            assert_eq!(is_public(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn the_internet_is_public() {
        check(&["1.1.1.1", "9.255.255.255", "11.0.0.0", "52.94.236.248", "100.63.255.255", "100.128.0.0"], true);
        check(
            &["126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0"],
            true,
        );
        check(
            &["192.0.1.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255"],
            true,
        );
        check(&["2606:4700:4700::1111", "2a00:1450:4001:82f::200e", "2001:200::1", "2001:4860:4860::8888"], true);
    }

    #[test]
    fn insides_are_not() {
        check(&["0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255"], false);
        check(&["127.0.0.1", "127.255.255.254", "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.9.9"], false);
        check(&["192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255"], false);
        check(&["198.51.100.7", "203.0.113.7", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"], false);
        check(&["::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "fd12:3456::1", "ff02::1"], false);
    }

    #[test]
    fn other_words_for_an_address_are_not() {
        // IPv4-mapped, IPv4-compatible, NAT64 (both prefixes), 6to4 and Teredo; public ones inside too.
        check(&["::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:1.1.1.1", "::127.0.0.1"], false);
        check(
            &["64:ff9b::7f00:1", "64:ff9b::101:101", "64:ff9b:1::a00:1", "2002:7f00:1::1", "2001:0:7f00:1::1"],
            false,
        );
        check(&["2001:db8::1", "3fff::1", "100::1", "5f00::1", "2001:20::1"], false);
    }
}
