/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Members as they are written: in list files, on the command line, and in what is printed. */
#include "command/command.h"
#include "command/set.h"
#include "read/policy/policy.h"

#include <errno.h>
#include <inttypes.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define USERDATA_COMMENT 0 /* libnftnl */

static int give_up(struct diagnostics *sink, int error)
{
	struct buffer text = {0};

	diagnostics_print(sink, &text);
	if (text.data)
		fputs(text.data, stderr);
	buffer_fini(&text);
	if (error == -EINVAL)
		return command_fail("set", EXIT_USAGE, "nothing was changed");
	return command_fail("set", EXIT_SYSTEM, "%s", strerror(-error));
}

/* The time of a member that is to stay, whatever its set has for those that say nothing. */
#define FOR_EVER UINT32_MAX

/* A member and what ipset would have behind it, as a line of a list file. EXIT_DONE or the exit code. */
static int add_line(const char *const *arguments, size_t count, size_t *at, uint64_t now,
		    struct buffer *lines)
{
	const char *member = arguments[(*at)++], *until = NULL, *comment = NULL;
	uint32_t seconds = 0, expires = 0;

	for (; *at + 1 < count; *at += 2) {
		const char *word = arguments[*at], *value = arguments[*at + 1], *wrong = NULL;
		if (strcmp(word, "timeout") == 0)
			wrong = value_duration(text_of(value), &seconds);
		else if (strcmp(word, "until") != 0 && strcmp(word, "comment") != 0)
			break;
		if (wrong)
			return command_fail("set", EXIT_USAGE, "timeout %s: %s: nothing was changed", value,
					    wrong);
		if (strcmp(word, "comment") == 0)
			comment = value;
		else
			until = value;
		if (strcmp(word, "timeout") == 0)
			expires = seconds && now + seconds < FOR_EVER ? (uint32_t)(now + seconds) : FOR_EVER;
		else if (strcmp(word, "until") == 0)
			expires = 0;
	}
	buffer_puts(lines, member);
	if (comment) {
		buffer_puts(lines, " \"");
		for (const char *c = comment; *c; c++)
			buffer_printf(lines, "%c", *c == '"' ? '\'' : (unsigned char)*c < ' ' ? ' ' : *c);
		buffer_puts(lines, "\"");
	}
	if (expires)
		buffer_printf(lines, " until %" PRIu32, expires);
	else if (until)
		buffer_printf(lines, " until %s", until);
	buffer_puts(lines, "\n");
	return EXIT_DONE;
}

/* EXIT_DONE or the exit code. */
static int read_source(struct arena *arena, const char *const *arguments, size_t count, uint64_t now,
		       struct source **source)
{
	struct buffer lines = {0};
	char *copy;

	if (count == 1 && strcmp(arguments[0], "-") == 0) {
		int error = source_read(arena, "-", source);
		return error ? command_fail("set", error == -ENOMEM ? EXIT_SYSTEM : EXIT_USAGE, "members: %s",
					    strerror(-error))
			     : EXIT_DONE;
	}
	for (size_t i = 0; i < count;) {
		int code = add_line(arguments, count, &i, now, &lines);
		if (code) {
			buffer_fini(&lines);
			return code;
		}
	}
	copy = lines.failed ? NULL : arena_copy(arena, lines.data ? lines.data : "", lines.size);
	*source = copy ? source_new(arena, "members", copy, lines.size) : NULL;
	buffer_fini(&lines);
	return *source ? EXIT_DONE : command_fail("set", EXIT_SYSTEM, "out of memory");
}

static void set_times(struct policy_elements *elements, uint64_t now, uint32_t timeout)
{
	for (size_t i = 0; i < elements->count; i++) {
		uint32_t *expires = &elements->elements[i].expires;
		if (!*expires && timeout)
			*expires = now + timeout < FOR_EVER ? (uint32_t)(now + timeout) : 0;
		else if (*expires == FOR_EVER)
			*expires = 0;
	}
}

/* Each port is a member of its own. */
static int take_elements(struct arena *arena, const struct policy_elements *elements, uint64_t now,
			 struct nft_member **members, size_t *count)
{
	size_t capacity = 0;

	*count = 0;
	*members = NULL;
	for (size_t i = 0; i < elements->count; i++) {
		const struct policy_element *element = &elements->elements[i];
		for (uint32_t port = element->port_low; port <= element->port_high; port++) {
			struct nft_member *member =
			    arena_push(arena, (void **)members, count, &capacity, sizeof(*member));
			if (!member)
				return -ENOMEM;
			*member = (struct nft_member){.low = element->low,
						      .high = element->high,
						      .protocol = element->protocol,
						      .port = (uint16_t)port,
						      .comment = element->comment};
			if (element->expires)
				member->timeout = (uint32_t)(element->expires - now);
		}
	}
	*count = nft_members_sort(*members, *count, false);
	return 0;
}

int set_members_read(struct arena *arena, const char *const *arguments, size_t count,
		     enum policy_set_type type, bool join, uint32_t timeout, struct set_asked *asked)
{
	struct diagnostics *sink __attribute__((cleanup(diagnostics_cleanup))) = diagnostics_new();
	struct policy_list_result result = {.members = 0};
	struct source *source = NULL;
	uint64_t now = (uint64_t)time(NULL);
	int code, error = 0;

	if (!sink)
		return command_fail("set", EXIT_SYSTEM, "out of memory");
	code = read_source(arena, arguments, count, now, &source);
	if (code)
		return code;
	error = policy_list_read(arena, sink, source, 0, type, POLICY_FORMAT_PLAIN, now, &result);
	for (enum family family = 0; family < FAMILY_COUNT && !error; family++) {
		struct policy_elements *elements = &result.elements[family];
		set_times(elements, now, timeout);
		if (join)
			error = policy_elements_merge(arena, family, elements);
		if (!error)
			error = take_elements(arena, elements, now, &asked->members[family],
					      &asked->count[family]);
		asked->elements[family] = *elements;
	}
	asked->now = now;
	return error ? give_up(sink, error) : EXIT_DONE;
}

void set_member_text(const struct nft_shape *shape, const struct nft_member *member, struct buffer *out)
{
	static const struct {
		uint8_t number;
		const char *name;
	} names[] = {
	    {IPPROTO_TCP, "tcp"}, {IPPROTO_UDP, "udp"}, {IPPROTO_SCTP, "sctp"}, {IPPROTO_UDPLITE, "udplite"}};
	address end;
	unsigned length = policy_prefix(shape->family, member->low, member->high, &end);

	address_print(shape->family, member->low, out);
	if (member->low != member->high && end == member->high) {
		buffer_printf(out, "/%u", length);
	} else if (member->low != member->high) {
		buffer_puts(out, "-");
		address_print(shape->family, member->high, out);
	}
	if (!shape->ports)
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].number == member->protocol) {
			buffer_printf(out, " . %s %u", names[i].name, member->port);
			return;
		}
	buffer_printf(out, " . %u %u", member->protocol, member->port);
}

bool set_member_comment(const struct nft_element *element, char comment[256])
{
	const struct nlattr *attribute = (const struct nlattr *)element->rest.data;
	int left = (int)element->rest.size;

	for (; left > 0 && mnl_attr_ok(attribute, left);
	     left -= (int)MNL_ALIGN(attribute->nla_len), attribute = mnl_attr_next(attribute)) {
		const uint8_t *data = mnl_attr_get_payload(attribute);
		size_t size = mnl_attr_get_payload_len(attribute);
		if (mnl_attr_get_type(attribute) != NFTA_SET_ELEM_USERDATA || size < 3 ||
		    data[0] != USERDATA_COMMENT || (size_t)data[1] + 2 > size)
			continue;
		memcpy(comment, data + 2, data[1]);
		comment[data[1] ? data[1] - 1 : 0] = 0;
		return true;
	}
	return false;
}
