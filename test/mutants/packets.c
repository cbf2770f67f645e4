/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "packets.h"

#include "mutate.h"
#include "parity/frames_header.h"
#include "ruleset/protocol.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define LINK_ETHERNET 1
#define CALLERS 4

/* What the lines want, in a plan and beside it. */
struct wish {
	struct frame_plan plan;
	const char *in, *out;
	int state; /* < 0: any */
	char names[2][INTERFACE_NAME_MAX];
};

/* What is between the common beginning and the common end of both. */
static void window(const struct lines *a, const struct lines *b, struct aim *aim)
{
	size_t begin = 0, ends[2] = {a->count, b->count};

	while (begin < ends[0] && begin < ends[1] && strcmp(a->items[begin], b->items[begin]) == 0)
		begin++;
	while (ends[0] > begin && ends[1] > begin &&
	       strcmp(a->items[ends[0] - 1], b->items[ends[1] - 1]) == 0) {
		ends[0]--;
		ends[1]--;
	}
	for (size_t i = begin; i < ends[0] && aim->focus_count < 24; i++)
		aim->focus[aim->focus_count++] = a->items[i];
	for (size_t i = begin; i < ends[1] && aim->focus_count < 48; i++)
		aim->focus[aim->focus_count++] = b->items[i];
}

void aim_take(struct aim *aim, const struct side *before, const struct side *after, const struct pool *pool)
{
	*aim = (struct aim){.sides = {before, after}, .pool = pool};
	window(&before->tables, &after->tables, aim);
	window(&before->sets, &after->sets, aim);
}

static address in_prefix(enum family family, const struct pool_prefix *prefix, struct random *random)
{
	address free_bits = ~prefix->mask & family_max(family);
	address any = ((address)random_next(random) << 64 | random_next(random)) & free_bits;

	switch (random_below(random, 12)) {
	case 0:
		return (prefix->value - 1) & family_max(family);
	case 1:
		return ((prefix->value | free_bits) + 1) & family_max(family);
	case 2:
		return prefix->value | free_bits;
	case 3:
		return prefix->value;
	default:
		return prefix->value | any;
	}
}

static void want_address(struct wish *wish, const char *word, bool source, struct random *random)
{
	struct pool_prefix prefix;
	enum family family = wish->plan.family;
	const char *dash = strchr(word, '-');

	if ((strchr(word, ':') != NULL) != (family == FAMILY_IPV6))
		return;
	if (dash) { /* a range: one of its ends, or beside */
		address low;
		if (address_parse(family, (struct text){word, (size_t)(dash - word)}, &low))
			return;
		prefix = (struct pool_prefix){low, family_max(family)};
	} else if (!prefix_read(family, word, &prefix)) {
		return;
	}
	address value = in_prefix(family, &prefix, random);
	if (source)
		wish->plan.source = value;
	else
		wish->plan.destination = value;
}

/* One of a list of ports and ranges; a neighbour in some. */
static uint16_t want_port(const char *word, struct random *random)
{
	uint32_t seen = 0;
	unsigned long low = 0, high = 65535;

	for (const char *at = word; *at;) {
		char *end;
		unsigned long a = *at == ':' ? 0 : strtoul(at, &end, 10), b = a;
		if (*at == ':')
			end = (char *)at;
		if (*end == ':' || *end == '-')
			b = end[1] >= '0' && end[1] <= '9' ? strtoul(end + 1, &end, 10) : (end++, 65535);
		if (random_below(random, ++seen) == 0) {
			low = a;
			high = b;
		}
		at = *end ? end + 1 : end;
	}
	switch (random_below(random, 8)) {
	case 0:
		return (uint16_t)(low - 1);
	case 1:
		return (uint16_t)(high + 1);
	case 2:
		return (uint16_t)high;
	case 3:
		return (uint16_t)low;
	default:
		return (uint16_t)(high > low ? low + random_below(random, (uint32_t)(high - low + 1)) : low);
	}
}

static void want_protocol(struct wish *wish, const char *word)
{
	uint8_t protocol;

	if (strcmp(word, "icmp") == 0)
		protocol = IPPROTO_ICMP;
	else if (strcmp(word, "ipv6-icmp") == 0 || strcmp(word, "icmpv6") == 0)
		protocol = IPPROTO_ICMPV6;
	else if (protocol_parse(text_of(word), &protocol))
		protocol = wish->plan.protocol;
	wish->plan.protocol = protocol;
}

static void want_name(char *name, const char *word, const char **chosen)
{
	size_t size = strnlen(word, INTERFACE_NAME_MAX - 2);

	memcpy(name, word, size);
	name[size] = '\0';
	if (size && name[size - 1] == '+')
		name[size - 1] = '7';
	*chosen = name;
}

static void want_state(struct wish *wish, const char *word, struct random *random)
{
	uint32_t seen = 0;

	for (int state = 0; state < STATE_COUNT; state++)
		if (strstr(word, connection_state_name((enum connection_state)state)) &&
		    random_below(random, ++seen) == 0)
			wish->state = state;
}

/* "add NAME address[,protocol:port]": as the direction says. */
static void want_member(struct wish *wish, const char *line, const char *direction, struct random *random)
{
	struct words words;

	if (!line_words(&words, line) || words.count < 3)
		return;
	char *member = words.items[2], *comma = strchr(member, ',');
	if (comma)
		*comma = '\0';
	want_address(wish, member, strncmp(direction, "src", 3) == 0, random);
	char *colon = comma ? strchr(comma + 1, ':') : NULL;
	if (!colon || random_percent(random, 10))
		return;
	*colon = '\0';
	want_protocol(wish, comma + 1);
	const char *second = strchr(direction, ',');
	uint16_t port = (uint16_t)strtoul(colon + 1, NULL, 10);
	const char *code = strchr(colon + 1, '/');
	if (code) {
		wish->plan.type = (uint8_t)port;
		wish->plan.code = (uint8_t)strtoul(code + 1, NULL, 10);
	} else if (second && strncmp(second + 1, "src", 3) == 0) {
		wish->plan.source_port = port;
	} else {
		wish->plan.destination_port = port;
	}
}

static void want_set(struct wish *wish, const struct lines *sets, const char *name, const char *direction,
		     struct random *random)
{
	const char *chosen = NULL;
	uint32_t seen = 0;
	size_t size = strlen(name);

	for (size_t i = 0; i < sets->count; i++)
		if (strncmp(sets->items[i], "add ", 4) == 0 && strncmp(sets->items[i] + 4, name, size) == 0 &&
		    sets->items[i][4 + size] == ' ' && random_below(random, ++seen) == 0)
			chosen = sets->items[i];
	if (chosen)
		want_member(wish, chosen, direction, random);
}

static void want_line(struct wish *wish, const struct side *side, const char *line, struct random *random)
{
	struct words words;

	if (!line_words(&words, line))
		return;
	if (strncmp(line, "add ", 4) == 0) {
		static const char *const directions[] = {"src,src", "src,dst", "dst,src", "dst,dst"};
		want_member(wish, line, directions[random_below(random, 4)], random);
		return;
	}
	for (size_t i = 2; i + 1 < words.count && is_rule(line); i++) {
		const char *word = words.items[i], *value = words.items[i + 1];
		if (word[0] != '-' || strcmp(words.items[i - 1], "!") == 0 || random_percent(random, 4))
			continue;
		if (strcmp(word, "-s") == 0 || strcmp(word, "--src-range") == 0)
			want_address(wish, value, true, random);
		else if (strcmp(word, "-d") == 0 || strcmp(word, "--dst-range") == 0)
			want_address(wish, value, false, random);
		else if (strcmp(word, "-p") == 0)
			want_protocol(wish, value);
		else if (strcmp(word, "-i") == 0)
			want_name(wish->names[0], value, &wish->in);
		else if (strcmp(word, "-o") == 0)
			want_name(wish->names[1], value, &wish->out);
		else if (strcmp(word, "--sport") == 0 || strcmp(word, "--sports") == 0)
			wish->plan.source_port = want_port(value, random);
		else if (strcmp(word, "--dport") == 0 || strcmp(word, "--dports") == 0)
			wish->plan.destination_port = want_port(value, random);
		else if (strcmp(word, "--ports") == 0 && random_percent(random, 50))
			wish->plan.source_port = want_port(value, random);
		else if (strcmp(word, "--ports") == 0)
			wish->plan.destination_port = want_port(value, random);
		else if (strcmp(word, "--ctstate") == 0 || strcmp(word, "--state") == 0)
			want_state(wish, value, random);
		else if (strcmp(word, "--syn") == 0)
			wish->plan.tcp_flags = 2;
		else if ((strcmp(word, "--icmp-type") == 0 || strcmp(word, "--icmpv6-type") == 0) &&
			 value[0] >= '0' && value[0] <= '9') {
			const char *slash = strchr(value, '/');
			wish->plan.type = (uint8_t)strtoul(value, NULL, 10);
			if (slash)
				wish->plan.code = (uint8_t)strtoul(slash + 1, NULL, 10);
		} else if (strcmp(word, "--match-set") == 0 && i + 2 < words.count) {
			want_set(wish, &side->sets, value, words.items[i + 2], random);
		}
	}
}

/* A line that jumps to the chain. */
static const char *draw_caller(const struct side *side, const char *line, struct random *random)
{
	char chain[64], jump[80];
	const char *end = strchr(line + 3, ' ');
	size_t size = end ? (size_t)(end - line - 3) : strlen(line + 3);
	const char *found = NULL;
	uint32_t seen = 0;

	if (size >= sizeof(chain))
		return NULL;
	memcpy(chain, line + 3, size);
	chain[size] = '\0';
	for (size_t i = 0; i < side->tables.count; i++) {
		const char *other = side->tables.items[i], *at;
		for (int kind = 0; kind < 2 && is_rule(other); kind++) {
			jump[0] = ' ';
			jump[1] = '-';
			jump[2] = kind ? 'g' : 'j';
			jump[3] = ' ';
			memcpy(jump + 4, chain, size + 1);
			at = strstr(other, jump);
			if (at && (at[size + 4] == '\0' || at[size + 4] == ' ') &&
			    random_below(random, ++seen) == 0)
				found = other;
		}
	}
	return found;
}

bool packet_draw(const struct aim *aim, struct random *random, struct frame *frame, struct packet *packet)
{
	static const char *const names[] = {TEST_INTERFACE_NAMES, "lo", "pard"};
	struct wish wish = {.state = -1};
	const struct side *side = aim->sides[random_below(random, 2)];
	const char *path[CALLERS + 1];
	size_t depth = 0;
	enum link_verdict verdict;

	frame_plan_rich(&wish.plan, aim->pool, false, random);
	wish.plan.to = TO_HOST;
	wish.plan.vlan_tags = 0;
	wish.plan.cut = wish.plan.truncated = 0;
	wish.plan.wrong_version = wish.plan.bad_checksum = false;
	if (random_percent(random, 70))
		wish.plan.fragment = FRAME_WHOLE;
	if (aim->focus_count && random_percent(random, 85)) {
		path[depth++] = aim->focus[random_below(random, (uint32_t)aim->focus_count)];
	} else {
		size_t line = draw_rule(&side->tables, random);
		if (line != SIZE_MAX)
			path[depth++] = side->tables.items[line];
	}
	while (depth && depth <= CALLERS && is_rule(path[depth - 1])) {
		const char *caller = draw_caller(side, path[depth - 1], random);
		if (!caller)
			break;
		path[depth++] = caller;
	}
	while (depth-- > 0)
		want_line(&wish, side, path[depth], random);
	frame_build(&wish.plan, frame);
	if (packet_decode(LINK_ETHERNET, frame->data, frame->size, frame->size, packet, &verdict) ||
	    verdict != FRAME_OK)
		return false;
	if (packet->transport_short || packet->header_error)
		return false;
	if (!wish.in)
		wish.in = names[random_below(random, 8)];
	if (!wish.out)
		wish.out = names[random_below(random, 8)];
	memset(packet->in, 0, sizeof(packet->in));
	memset(packet->out, 0, sizeof(packet->out));
	memcpy(packet->in, wish.in, strlen(wish.in));
	memcpy(packet->out, wish.out, strlen(wish.out));
	packet->state = wish.state >= 0 ? (enum connection_state)wish.state
					: (enum connection_state)random_below(random, STATE_COUNT);
	packet->known |= KNOWN_IN | KNOWN_OUT | KNOWN_STATE;
	if (random_percent(random, 30)) {
		static const uint32_t marks[] = {1, 2, 3, 0x10, 0x20, UINT32_MAX};
		packet->mark = marks[random_below(random, 6)];
		packet->known |= KNOWN_MARK;
	}
	return true;
}
