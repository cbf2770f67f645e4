/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rules and reasons in words. Which field a match depends on is found by trial: the match is evaluated again
 * with one more field known. */
#include "command/reason.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

/* Bytes of the UTF-8 character that begins here, 0 when none does. RFC 3629; surrogates are let be. */
static size_t character_size(const unsigned char *data, size_t size)
{
	size_t length = 0;
	if (data[0] < 0x80)
		length = 1;
	else if (data[0] >= 0xc2 && data[0] < 0xe0)
		length = 2;
	else if ((data[0] & 0xf0) == 0xe0)
		length = 3;
	else if (data[0] >= 0xf0 && data[0] < 0xf5)
		length = 4;
	if (length > size ||
	    (length == 2 && data[0] == 0xc2 && data[1] < 0xa0)) /* C1 control characters too */
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((data[i] & 0xc0) != 0x80)
			return 0;
	}
	return length;
}

void clean_print(struct text text, struct buffer *out)
{
	const unsigned char *data = (const unsigned char *)text.data;
	for (size_t i = 0; i < text.size;) {
		size_t length = character_size(data + i, text.size - i);
		if (length == 0 || data[i] < 0x20 || data[i] == 0x7f) {
			buffer_add(out, "?", 1);
			i++;
		} else {
			buffer_add(out, text.data + i, length);
			i += length;
		}
	}
}

void clean_put(struct text text)
{
	struct buffer clean = {0};
	clean_print(text, &clean);
	if (clean.data)
		fwrite(clean.data, 1, clean.size, stdout);
	buffer_fini(&clean);
}

struct json_object *clean_json(struct text text)
{
	struct buffer clean = {0};
	clean_print(text, &clean);
	struct json_object *object = json_object_new_string(clean.data ? clean.data : "");
	buffer_fini(&clean);
	return object;
}

void place_print(struct span span, struct buffer *out)
{
	if (span.source)
		buffer_printf(out, "%s:%u", span.source->name, source_locate(span.source, span.begin).line);
}

void rule_name_print(const struct rule *rule, struct buffer *out)
{
	buffer_printf(out, "rule %u of %s ", rule->number, table_names[rule->chain->table->id]);
	clean_print(rule->chain->name, out);
	buffer_puts(out, " (");
	place_print(rule->span, out);
	buffer_puts(out, ")");
}

static const struct {
	uint32_t known;
	const char *name;
} fields[] = {
    {KNOWN_SOURCE, "the source address (src=)"},
    {KNOWN_DESTINATION, "the destination address (dst=)"},
    {KNOWN_SOURCE_PORT | KNOWN_PORTS, "the source port (sport=)"},
    {KNOWN_DESTINATION_PORT | KNOWN_PORTS, "the destination port (dport=)"},
    {KNOWN_TCP_FLAGS, "the TCP flags (flags=)"},
    {KNOWN_ICMP, "the ICMP type (type=)"},
    {KNOWN_FRAGMENT, "whether it is a fragment (frag=)"},
    {KNOWN_PROTOCOL, "the protocol (proto=)"},
    {KNOWN_LENGTH, "the length (length=)"},
    {KNOWN_IN, "the interface it came in by (in=)"},
    {KNOWN_OUT, "the interface it goes out by (out=)"},
    {KNOWN_TTL, "the time to live or hop limit (ttl=)"},
    {KNOWN_TOS, "the type of service or traffic class (tos=)"},
    {KNOWN_MAC, "the sender's MAC address (mac=)"},
    {KNOWN_TYPE, "whether the frame is a broadcast (pkttype=)"},
    {KNOWN_MARK, "the mark (mark=)"},
    {KNOWN_TIME, "the time (time=)"},
};
#define FIELD_NAMES (sizeof(fields) / sizeof(fields[0]))

struct list {
	struct buffer *out;
	size_t count;
};

static void list_add(struct list *list, const char *item)
{
	if (list->count++)
		buffer_puts(list->out, ", ");
	buffer_puts(list->out, item);
}

static void list_field(struct list *list, const struct packet *packet, uint32_t known)
{
	for (size_t i = 0; i < FIELD_NAMES; i++) {
		if ((fields[i].known & known) && !(packet->known & known))
			list_add(list, fields[i].name);
	}
}

/* With what is unknown made known: whether the match then tells yes from no. */
static enum truth try_match(const struct match *match, const struct rule *rule, const struct packet *packet,
			    uint32_t known, bool state)
{
	struct packet trial = *packet;
	trial.known |= known;
	struct evaluation evaluation = {
	    .has_state = state ? TRUTH_YES : TRUTH_UNKNOWN, .state_known = state, .state = STATE_NEW};
	return match->type->evaluate(match, rule, &trial, &evaluation);
}

static void list_match(struct list *list, const struct match *match, const struct rule *rule,
		       const struct packet *packet)
{
	const uint32_t all = ~(uint32_t)KNOWN_BYTES; /* which cannot be made up */
	if (try_match(match, rule, packet, 0, false) != TRUTH_UNKNOWN)
		return;
	size_t before = list->count;
	if (match->type->modelled) {
		/* Needed is what leaves it unknown when all else is known. */
		if (try_match(match, rule, packet, all, false) == TRUTH_UNKNOWN &&
		    try_match(match, rule, packet, all, true) != TRUTH_UNKNOWN)
			list_add(list, "the connection state (state=)");
		for (size_t i = 0; i < FIELD_NAMES; i++) {
			uint32_t without = all & ~fields[i].known;
			if ((packet->known & fields[i].known) == 0 &&
			    try_match(match, rule, packet, without, true) == TRUTH_UNKNOWN &&
			    try_match(match, rule, packet, all, true) != TRUTH_UNKNOWN)
				list_add(list, fields[i].name);
		}
	}
	if (list->count > before)
		return;
	struct text text = span_text(match->span);
	struct buffer item = {0};
	buffer_puts(&item, "'");
	clean_print(text, &item);
	buffer_printf(&item, "'%s", match->type->modelled ? "" : ", which is not modelled");
	list_add(list, item.data ? item.data : match->type->name);
	buffer_fini(&item);
}

void dependence_print(const struct rule *rule, const struct packet *packet, struct buffer *out)
{
	struct list list = {.out = out};
	if (rule->source.mask)
		list_field(&list, packet, KNOWN_SOURCE);
	if (rule->destination.mask)
		list_field(&list, packet, KNOWN_DESTINATION);
	if (rule->in.name[0])
		list_field(&list, packet, KNOWN_IN);
	if (rule->out.name[0])
		list_field(&list, packet, KNOWN_OUT);
	if (rule->protocol)
		list_field(&list, packet, KNOWN_PROTOCOL);
	if (rule->fragment != FRAGMENT_ANY)
		list_field(&list, packet, KNOWN_FRAGMENT);
	for (uint32_t i = 0; i < rule->match_count; i++)
		list_match(&list, &rule->matches[i], rule, packet);
	if (!list.count)
		buffer_puts(out, "its destination, which NAT may have rewritten");
}
