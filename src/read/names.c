/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "read/names.h"

#include <string.h>

#define V4 (1u << FAMILY_IPV4)
#define V6 (1u << FAMILY_IPV6)
#define ANY (V4 | V6)
#define ADDON (1u << 7)
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct known_name {
	const char *name;
	unsigned flags;
};

/* extensions/ of iptables 1.8, and some that it had earlier. */
static const struct known_name targets[] = {
    {"ACCEPT", ANY},
    {"DROP", ANY},
    {"QUEUE", ANY},
    {"RETURN", ANY},
    {"AUDIT", ANY},
    {"CHECKSUM", ANY},
    {"CLASSIFY", ANY},
    {"CLUSTERIP", V4},
    {"CONNMARK", ANY},
    {"CONNSECMARK", ANY},
    {"CT", ANY},
    {"DNAT", ANY},
    {"DNPT", V6},
    {"DSCP", ANY},
    {"ECN", V4},
    {"HL", V6},
    {"HMARK", ANY},
    {"IDLETIMER", ANY},
    {"LED", ANY},
    {"LOG", ANY},
    {"MARK", ANY},
    {"MASQUERADE", ANY},
    {"NETMAP", ANY},
    {"NFLOG", ANY},
    {"NFQUEUE", ANY},
    {"NOTRACK", ANY},
    {"RATEEST", ANY},
    {"REDIRECT", ANY},
    {"REJECT", ANY},
    {"SECMARK", ANY},
    {"SET", ANY},
    {"SNAT", ANY},
    {"SNPT", V6},
    {"SYNPROXY", ANY},
    {"TCPMSS", ANY},
    {"TCPOPTSTRIP", ANY},
    {"TEE", ANY},
    {"TOS", ANY},
    {"TPROXY", ANY},
    {"TRACE", ANY},
    {"TTL", V4},
    {"ULOG", V4},
    {"MIRROR", V4},
    {"SAME", V4},

    {"ACCOUNT", V4 | ADDON},
    {"CHAOS", ANY | ADDON},
    {"DELUDE", V4 | ADDON},
    {"DHCPMAC", V4 | ADDON},
    {"DNETMAP", V4 | ADDON},
    {"ECHO", ANY | ADDON},
    {"IMQ", ANY | ADDON},
    {"IPMARK", ANY | ADDON},
    {"LOGMARK", ANY | ADDON},
    {"NETFLOW", ANY | ADDON},
    {"PROTO", ANY | ADDON},
    {"ROUTE", ANY | ADDON},
    {"RTPENGINE", ANY | ADDON},
    {"SYSRQ", ANY | ADDON},
    {"TARPIT", ANY | ADDON},
    {"XOR", ANY | ADDON},
    {"NDPI", ANY | ADDON},
    {"FULLCONENAT", ANY | ADDON},
    {"FLOWOFFLOAD", ANY | ADDON},
    /* What nftables does or asks, and iptables has no words for: nft_statement.c, nft_condition.c */
    {"NFT", ANY | ADDON},
};

static const struct known_name matches[] = {
    {"ah", ANY},
    {"addrtype", ANY},
    {"bpf", ANY},
    {"cgroup", ANY},
    {"cluster", ANY},
    {"comment", ANY},
    {"connbytes", ANY},
    {"connlabel", ANY},
    {"connlimit", ANY},
    {"connmark", ANY},
    {"conntrack", ANY},
    {"cpu", ANY},
    {"dccp", ANY},
    {"devgroup", ANY},
    {"dscp", ANY},
    {"dst", V6},
    {"ecn", ANY},
    {"esp", ANY},
    {"eui64", V6},
    {"frag", V6},
    {"hashlimit", ANY},
    {"hbh", V6},
    {"helper", ANY},
    {"hl", V6},
    {"icmp", V4},
    {"icmp6", V6},
    {"icmpv6", V6},
    {"ipv6-icmp", V6},
    {"ipcomp", ANY},
    {"iprange", ANY},
    {"ipv6header", V6},
    {"ipvs", ANY},
    {"length", ANY},
    {"limit", ANY},
    {"mac", ANY},
    {"mark", ANY},
    {"mh", V6},
    {"multiport", ANY},
    {"nfacct", ANY},
    {"osf", V4},
    {"owner", ANY},
    {"physdev", ANY},
    {"pkttype", ANY},
    {"policy", ANY},
    {"quota", ANY},
    {"rateest", ANY},
    {"realm", V4},
    {"recent", ANY},
    {"rpfilter", ANY},
    {"rt", V6},
    {"sctp", ANY},
    {"set", ANY},
    {"socket", ANY},
    {"srh", V6},
    {"state", ANY},
    {"statistic", ANY},
    {"string", ANY},
    {"tcp", ANY},
    {"tcpmss", ANY},
    {"time", ANY},
    {"tos", ANY},
    {"ttl", V4},
    {"u32", ANY},
    {"udp", ANY},
    {"udplite", ANY},
    {"unclean", V4},

    {"nft", ANY | ADDON},
    {"account", V4 | ADDON},
    {"asn", ANY | ADDON},
    {"condition", ANY | ADDON},
    {"dhcpmac", V4 | ADDON},
    {"fuzzy", ANY | ADDON},
    {"geoip", ANY | ADDON},
    {"iface", ANY | ADDON},
    {"ipp2p", ANY | ADDON},
    {"ipv4options", V4 | ADDON},
    {"layer7", ANY | ADDON},
    {"length2", ANY | ADDON},
    {"lscan", ANY | ADDON},
    {"ndpi", ANY | ADDON},
    {"pknock", ANY | ADDON},
    {"psd", ANY | ADDON},
    {"quota2", ANY | ADDON},
    {"tls", ANY | ADDON},
    {"weburl", ANY | ADDON},
};

static const char *const options[] = {
    "--source",
    "--src",
    "--destination",
    "--dst",
    "--protocol",
    "--in-interface",
    "--out-interface",
    "--fragment",
    "--match",
    "--jump",
    "--goto",
    "--append",
    "--sport",
    "--dport",
    "--source-port",
    "--destination-port",
    "--syn",
    "--tcp-flags",
    "--tcp-option",
    "--sports",
    "--dports",
    "--ports",
    "--source-ports",
    "--destination-ports",
    "--icmp-type",
    "--icmpv6-type",
    "--state",
    "--ctstate",
    "--ctproto",
    "--ctorigsrc",
    "--ctorigdst",
    "--ctreplsrc",
    "--ctrepldst",
    "--ctstatus",
    "--ctexpire",
    "--ctdir",
    "--match-set",
    "--return-nomatch",
    "--comment",
    "--reject-with",
    "--log-level",
    "--log-prefix",
    "--log-tcp-sequence",
    "--log-tcp-options",
    "--log-ip-options",
    "--log-uid",
    "--notrack",
    "--zone",
    "--helper",
    "--limit",
    "--limit-burst",
    "--to-destination",
    "--to-source",
    "--to-ports",
    "--set-mark",
    "--set-xmark",
    "--mark",
    "--mac-source",
    "--src-range",
    "--dst-range",
    "--src-type",
    "--dst-type",
    "--uid-owner",
    "--gid-owner",
    "--pkt-type",
    "--length",
    "--string",
    "--algo",
    "--hashlimit-name",
    "--seconds",
    "--hitcount",
    "--name",
    "--rcheck",
    "--update",
    "--connlimit-above",
    "--clamp-mss-to-pmtu",
};

static enum name_origin name_known(const struct known_name *names, size_t count, struct text name,
				   enum family family)
{
	for (size_t i = 0; i < count; i++)
		if (names[i].flags >> family & 1 && text_is(name, names[i].name))
			return names[i].flags & ADDON ? NAME_ADDON : NAME_DEBIAN;
	return NAME_UNKNOWN;
}

enum name_origin target_name_known(struct text name, enum family family)
{
	return name_known(targets, COUNT_OF(targets), name, family);
}

enum name_origin match_name_known(struct text name, enum family family)
{
	return name_known(matches, COUNT_OF(matches), name, family);
}

#define DISTANCE_SIZE 40 /* longer names have no nearest one */

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Edits between the two, a swap of neighbours counting as one (optimal string alignment). */
static unsigned edit_distance(struct text a, const char *b)
{
	unsigned row[3][DISTANCE_SIZE + 1];
	size_t size = strlen(b);
	if (a.size > DISTANCE_SIZE || size > DISTANCE_SIZE)
		return UINT8_MAX;
	for (unsigned j = 0; j <= size; j++)
		row[0][j] = j;
	for (unsigned i = 1; i <= a.size; i++) {
		unsigned *now = row[i % 3], *before = row[(i + 2) % 3], *earlier = row[(i + 1) % 3];
		now[0] = i;
		for (unsigned j = 1; j <= size; j++) {
			unsigned replace = before[j - 1] + (a.data[i - 1] != b[j - 1]);
			now[j] = least(replace, least(before[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && a.data[i - 1] == b[j - 2] && a.data[i - 2] == b[j - 1])
				now[j] = least(now[j], earlier[j - 2] + 1);
		}
	}
	return row[a.size % 3][size];
}

struct nearest {
	const char *name;
	unsigned distance;
};

static void consider(struct nearest *nearest, struct text name, const char *candidate)
{
	unsigned distance = edit_distance(name, candidate);
	unsigned bound = name.size <= 3 ? 1 : name.size <= 6 ? 2 : 3;
	if (distance <= bound && (!nearest->name || distance < nearest->distance))
		*nearest = (struct nearest){candidate, distance};
}

const char *nearest_name(struct text name, const char *const *names, size_t count)
{
	struct nearest nearest = {0};
	for (size_t i = 0; i < count; i++)
		consider(&nearest, name, names[i]);
	return nearest.name;
}

static const char *nearest_known(const struct known_name *names, size_t count, struct text name,
				 enum family family)
{
	struct nearest nearest = {0};
	for (size_t i = 0; i < count; i++)
		if (names[i].flags >> family & 1)
			consider(&nearest, name, names[i].name);
	return nearest.name;
}

const char *nearest_target(struct text name, enum family family)
{
	return nearest_known(targets, COUNT_OF(targets), name, family);
}

const char *nearest_match(struct text name, enum family family)
{
	return nearest_known(matches, COUNT_OF(matches), name, family);
}

const char *nearest_option(struct text name)
{
	return nearest_name(name, options, COUNT_OF(options));
}
