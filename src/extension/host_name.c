/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Names of hosts and networks: network_to_ipaddr(), host_to_ipaddr(), host_to_ip6addr() in
 * libxtables/xtables.c. */
#include "extension/host_name.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <nss.h>
#include <stdlib.h>
#include <string.h>

/* Where this process looks up names: no DNS, and nobody else who might ask it. */
static bool use_files_only(void)
{
	return __nss_configure_lookup("networks", "files") == 0 &&
	       __nss_configure_lookup("hosts", "files") == 0;
}

static int network_look_up(const char *name, struct host_addresses *found)
{
	const struct netent *network = getnetbyname(name);

	if (!network || network->n_addrtype != AF_INET)
		return -ENOENT;
	found->addresses = malloc(sizeof(*found->addresses));
	if (!found->addresses)
		return -ENOMEM;
	found->addresses[0] = network->n_net;
	found->count = 1;
	return 0;
}

static address socket_address(enum family family, const struct sockaddr *from)
{
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;

	if (family == FAMILY_IPV4) {
		memcpy(&ipv4, from, sizeof(ipv4));
		return ntohl(ipv4.sin_addr.s_addr);
	}
	memcpy(&ipv6, from, sizeof(ipv6));
	return address_from_bytes(FAMILY_IPV6, ipv6.sin6_addr.s6_addr);
}

static int host_look_up(enum family family, const char *name, int flags, struct host_addresses *found)
{
	struct addrinfo hints = {.ai_family = family == FAMILY_IPV4 ? AF_INET : AF_INET6,
				 .ai_socktype = SOCK_RAW,
				 .ai_flags = flags};
	struct addrinfo *answer;
	size_t count = 0;

	if (getaddrinfo(name, NULL, &hints, &answer) != 0)
		return -ENOENT;
	for (const struct addrinfo *at = answer; at; at = at->ai_next)
		count++;
	found->addresses = reallocarray(NULL, count, sizeof(*found->addresses));
	found->count = 0;
	for (const struct addrinfo *at = answer; at && found->addresses; at = at->ai_next)
		found->addresses[found->count++] = socket_address(family, at->ai_addr);
	freeaddrinfo(answer);
	return !count ? -ENOENT : found->addresses ? 0 : -ENOMEM;
}

static void tell(struct rule_parser *parser, const struct word *word, const char *name, const char *file,
		 const struct host_addresses *found)
{
	struct buffer list = {0};

	for (size_t i = 0; i < found->count; i++) {
		buffer_puts(&list, i ? ", " : "");
		address_print(parser->family, found->addresses[i], &list);
	}
	diagnostic_hint(diagnostic_add(parser->sink, SEVERITY_WARNING, "name-looked-up", word->span,
				       "`%s' is taken for %s, as %s of this machine has it", name,
				       list.data ? list.data : "", file),
			"elsewhere it may be another one: write the address");
	buffer_fini(&list);
}

int host_name_resolve(struct rule_parser *parser, const struct word *word, struct text text, bool networks,
		      struct host_addresses *found)
{
	char name[HOST_NAME_MAX_SIZE + 1];
	struct host_addresses fresh = {0};

	if (text.size == 0 || text.size > HOST_NAME_MAX_SIZE || memchr(text.data, '\0', text.size))
		return -ENOENT;
	if (parser->names_asked == HOST_NAMES_MAX) {
		diagnostic_hint(parser_error(parser, word, "too-many-names", "too many names of hosts"),
				"at most %d are looked up: write addresses", HOST_NAMES_MAX);
		return -EINVAL;
	}
	parser->names_asked++;
	memcpy(name, text.data, text.size);
	name[text.size] = '\0';
	if (!use_files_only())
		return -ENOENT;
	bool is_network = networks && parser->family == FAMILY_IPV4;
	int error = is_network ? network_look_up(name, &fresh) : -ENOENT;
	is_network = !error;
	if (error == -ENOENT)
		error = host_look_up(parser->family, name, AI_NUMERICHOST, &fresh);
	bool is_number = !error && !is_network;
	if (error == -ENOENT)
		error = host_look_up(parser->family, name, 0, &fresh);
	if (error)
		return error;
	if (!is_number)
		tell(parser, word, name, is_network ? "/etc/networks" : "/etc/hosts", &fresh);
	*found = fresh;
	return 0;
}

void host_addresses_fini(struct host_addresses *found)
{
	free(found->addresses);
	*found = (struct host_addresses){0};
}
