/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Conjunctions of fields in words. */
#include "meaning/phrase.h"

#include "ruleset/protocol.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define RANGES_SHOWN 3

uint64_t phrase_field_values(const struct fields *fields, enum field field)
{
	switch (field) {
	case FIELD_SOURCE:
	case FIELD_DESTINATION:
		return fields_classes(fields, field);
	case FIELD_IN:
	case FIELD_OUT:
		return fields->interface_count;
	case FIELD_STATE:
		return STATE_COUNT;
	case FIELD_FRAGMENT:
		return FRAGMENT_LATE + 1;
	default:
		return (uint64_t)1 << fields->bits[field];
	}
}

bool phrase_in_block(const struct fields *fields, enum field field, uint32_t variable)
{
	return variable >= fields->first[field] && variable < fields->first[field] + fields->bits[field];
}

/* --- sizes
 * ------------------------------------------------------------------------------------------------------- */

struct addresses {
	double size; /* of all, 0 to 1 */
	double max;
	size_t count;
	struct address_range shown[RANGES_SHOWN];
};

static int add_addresses(void *context, address low, address high)
{
	struct addresses *addresses = context;
	if (addresses->count < RANGES_SHOWN)
		addresses->shown[addresses->count] = (struct address_range){low, high};
	addresses->count++;
	addresses->size += ((double)(high - low) + 1) / addresses->max;
	return 0;
}

static void find_addresses(const struct fields *fields, enum field field, const struct values *values,
			   bool inside, struct addresses *addresses)
{
	size_t classes = fields_classes(fields, field);
	bool *chosen = malloc(classes + 1);
	*addresses = (struct addresses){.max = (double)family_max(fields->family) + 1};
	if (!chosen)
		return;
	memset(chosen, !inside, classes);
	for (size_t i = 0; i < values->count; i++)
		for (size_t class = (size_t)values->ranges[i].low; class <= values->ranges[i].high; class ++)
			chosen[class] = inside;
	fields_visit_classes(fields, field, chosen, add_addresses, addresses);
	free(chosen);
}

static double values_share(const struct fields *fields, enum field field, const struct values *values)
{
	double share = 0;
	if (!values->count)
		return 1;
	if (field == FIELD_SOURCE || field == FIELD_DESTINATION) {
		struct addresses addresses;
		find_addresses(fields, field, values, true, &addresses);
		return addresses.size;
	}
	for (size_t i = 0; i < values->count; i++)
		share += (double)(values->ranges[i].high - values->ranges[i].low) + 1;
	return share / (double)phrase_field_values(fields, field);
}

double phrase_share(const struct fields *fields, const struct leaf *leaf)
{
	double share = 1;
	for (enum field field = 0; field < FIELD_COUNT; field++)
		share *= values_share(fields, field, &leaf->fields[field]);
	for (size_t i = 0; i < leaf->literal_count; i++)
		share /= 2;
	return share;
}

/* --- words
 * ------------------------------------------------------------------------------------------------------- */

static void print_range(enum family family, struct address_range range, struct buffer *out)
{
	address size = range.high - range.low;
	address_print(family, range.low, out);
	if (size == 0)
		return;
	if ((size & (size + 1)) == 0 && (range.low & size) == 0) {
		unsigned bits = 0;
		while (bits < family_bits(family) && (size >> bits & 1))
			bits++;
		buffer_printf(out, "/%u", family_bits(family) - bits);
		return;
	}
	buffer_puts(out, "-");
	address_print(family, range.high, out);
}

static void print_ranges(enum family family, const struct addresses *addresses, struct buffer *out)
{
	for (size_t i = 0; i < addresses->count && i < RANGES_SHOWN; i++) {
		buffer_puts(out, i ? ", " : "");
		print_range(family, addresses->shown[i], out);
	}
	if (addresses->count > RANGES_SHOWN)
		buffer_printf(out, " and %zu more ranges", addresses->count - RANGES_SHOWN);
}

static void print_addresses(const struct fields *fields, enum field field, const struct values *values,
			    struct buffer *out)
{
	enum family family = fields->family;
	struct addresses inside, outside;
	buffer_puts(out, field == FIELD_SOURCE ? " from " : " to ");
	if (!values->count) {
		buffer_puts(out, field == FIELD_SOURCE ? "anywhere" : "any address");
		return;
	}
	find_addresses(fields, field, values, true, &inside);
	find_addresses(fields, field, values, false, &outside);
	if (inside.size > 0.5 && outside.count <= RANGES_SHOWN && outside.count < inside.count) {
		buffer_puts(out, field == FIELD_SOURCE ? "anywhere but " : "any address but ");
		print_ranges(family, &outside, out);
	} else {
		print_ranges(family, &inside, out);
	}
}

static void print_numbers(const char *before, const struct values *values, struct buffer *out)
{
	if (!values->count)
		return;
	buffer_puts(out, before);
	for (size_t i = 0; i < values->count && i < 8; i++) {
		const struct diagram_range *range = &values->ranges[i];
		buffer_printf(out, "%s%u", i ? "," : " ", (unsigned)range->low);
		if (range->high > range->low)
			buffer_printf(out, "-%u", (unsigned)range->high);
	}
	if (values->count > 8)
		buffer_printf(out, " and %zu more", values->count - 8);
}

static bool names_protocol(const struct values *values, uint8_t protocol)
{
	for (size_t i = 0; i < values->count; i++)
		if (values->ranges[i].low <= protocol && protocol <= values->ranges[i].high)
			return true;
	return !values->count;
}

static void print_protocols(const struct values *values, struct buffer *out)
{
	size_t covered = 0;
	for (size_t i = 0; i < values->count; i++)
		covered += (size_t)(values->ranges[i].high - values->ranges[i].low) + 1;
	bool but = covered > 128;
	size_t shown = 0;
	if (!values->count) {
		buffer_puts(out, "packets");
		return;
	}
	buffer_puts(out, but ? "packets but " : "");
	for (unsigned protocol = 0; protocol < 256; protocol++) {
		if (names_protocol(values, (uint8_t)protocol) == but)
			continue;
		const char *name = protocol_name((uint8_t)protocol);
		if (++shown > 6)
			continue;
		buffer_puts(out, shown > 1 ? ", " : "");
		if (name)
			buffer_puts(out, name);
		else
			buffer_printf(out, "protocol %u", protocol);
	}
	if (shown > 6)
		buffer_printf(out, " and %zu more protocols", shown - 6);
}

static void print_icmp(const struct values *values, struct buffer *out)
{
	for (size_t i = 0; i < values->count && i < 4; i++) {
		const struct diagram_range *range = &values->ranges[i];
		unsigned low = (unsigned)range->low, high = (unsigned)range->high;
		buffer_puts(out, i ? ", " : " type ");
		buffer_printf(out, "%u", low >> 8);
		if (low == high)
			buffer_printf(out, "/%u", low & 255);
		else if ((low & 255) || (high & 255) != 255)
			buffer_printf(out, "/%u to %u/%u", low & 255, high >> 8, high & 255);
		else if (high >> 8 > low >> 8)
			buffer_printf(out, "-%u", high >> 8);
	}
	if (values->count > 4)
		buffer_printf(out, " and %zu more", values->count - 4);
}

static void print_names(const char *before, const struct values *values,
			const char *(*name)(const void *, uint64_t), const void *context, struct buffer *out)
{
	size_t shown = 0;
	for (size_t i = 0; i < values->count; i++)
		for (uint64_t value = (uint64_t)values->ranges[i].low; value <= values->ranges[i].high;
		     value++)
			if (++shown <= 6)
				buffer_printf(out, "%s%s", shown == 1 ? before : ",", name(context, value));
	if (shown > 6)
		buffer_printf(out, " and %zu more", shown - 6);
}

static const char *state_word(const void *context, uint64_t value)
{
	(void)context;
	return connection_state_name((enum connection_state)value);
}

static const char *interface_word(const void *context, uint64_t value)
{
	const struct fields *fields = context;
	return value + 1 == fields->interface_count ? "another interface" : fields->interfaces[value];
}

/* Where only a few are left out, those. */
static void print_interfaces(const struct fields *fields, const char *which, const struct values *values,
			     struct buffer *out)
{
	if (!values->count)
		return;
	size_t left_out = fields->interface_count;
	struct buffer before = {0};
	for (size_t i = 0; i < values->count; i++)
		left_out -= (size_t)(values->ranges[i].high - values->ranges[i].low) + 1;
	bool others = values->count && values->ranges[values->count - 1].high + 1 == fields->interface_count;
	if (!others || left_out > 3) {
		buffer_printf(&before, ", %s ", which);
		print_names(before.data ? before.data : "", values, interface_word, fields, out);
		buffer_fini(&before);
		return;
	}
	buffer_printf(out, ", %s any interface but ", which);
	size_t run = 0, shown = 0;
	for (size_t class = 0; class < fields->interface_count; class ++) {
		while (run < values->count && values->ranges[run].high < class)
			run++;
		if (run == values->count || values->ranges[run].low > class)
			buffer_printf(out, "%s%s", shown++ ? "," : "", fields->interfaces[class]);
	}
}

static const char *fragment_word(const void *context, uint64_t value)
{
	static const char *const words[] = {"not fragmented", "first fragments", "later fragments"};
	(void)context;
	return words[value];
}

/* "-m limit --limit 5/sec #3": the place is not for people. */
int phrase_name_size(const char *name)
{
	const char *mark = strrchr(name, '#');
	bool numbered = mark && mark > name + 1 && mark[-1] == ' ' && mark[1] &&
			strspn(mark + 1, "0123456789") == strlen(mark + 1);
	return numbered ? (int)(mark - 1 - name) : (int)strlen(name);
}

static void print_flags(const struct fields *fields, const struct leaf *leaf, struct buffer *out)
{
	static const char *const flags[] = {"cwr", "ece", "urg", "ack", "psh", "rst", "syn", "fin"};
	size_t shown = 0;
	for (size_t i = 0; i < leaf->literal_count; i++) {
		uint32_t variable = leaf->literals[i].variable;
		if (!phrase_in_block(fields, FIELD_TCP_FLAGS, variable))
			continue;
		buffer_printf(out, "%s%s%s", shown++ ? " " : " flags ", leaf->literals[i].holds ? "" : "!",
			      flags[variable - fields->first[FIELD_TCP_FLAGS]]);
	}
}

void phrase_print_unknowns(const struct words_request *request, const struct leaf *leaf, struct buffer *out)
{
	const struct fields *fields = behaviour_fields(request->behaviour);
	for (size_t i = 0; i < leaf->literal_count; i++)
		for (size_t p = 0; p < fields->predicate_count; p++) {
			const struct predicate *predicate = fields->predicates[p];
			if (predicate->kind != PREDICATE_OPAQUE ||
			    predicate->variable != leaf->literals[i].variable)
				continue;
			buffer_printf(out, "%s\"%.*s\" %s", out->size ? " and " : "",
				      phrase_name_size(predicate->name), predicate->name,
				      leaf->literals[i].holds ? "holds" : "does not hold");
		}
}

/* Whoever speaks of ports, types or flags speaks of packets that have them. */
static bool fragments_implied(const struct leaf *leaf)
{
	static const enum field transport[] = {FIELD_SPORT, FIELD_DPORT, FIELD_ICMP, FIELD_TCP_FLAGS,
					       FIELD_PAYLOAD};
	const struct values *fragments = &leaf->fields[FIELD_FRAGMENT];
	bool early = fragments->count == 1 && fragments->ranges[0].low == FRAGMENT_WHOLE &&
		     fragments->ranges[0].high == FRAGMENT_FIRST;
	bool spoken = false;
	for (size_t i = 0; i < sizeof(transport) / sizeof(transport[0]); i++)
		spoken |= leaf->fields[transport[i]].count > 0;
	return early && (spoken || leaf->literal_count);
}

void phrase_print(const struct words_request *request, const struct leaf *leaf, struct buffer *out)
{
	const struct fields *fields = behaviour_fields(request->behaviour);
	const struct values *values = leaf->fields;
	print_protocols(&values[FIELD_PROTOCOL], out);
	print_addresses(fields, FIELD_SOURCE, &values[FIELD_SOURCE], out);
	print_numbers(" port", &values[FIELD_SPORT], out);
	print_addresses(fields, FIELD_DESTINATION, &values[FIELD_DESTINATION], out);
	print_numbers(" port", &values[FIELD_DPORT], out);
	print_icmp(&values[FIELD_ICMP], out);
	print_flags(fields, leaf, out);
	if (!fragments_implied(leaf))
		print_names(", ", &values[FIELD_FRAGMENT], fragment_word, NULL, out);
	if (values[FIELD_PAYLOAD].count)
		buffer_puts(out, values[FIELD_PAYLOAD].ranges[0].low ? ", with data" : ", without data");
	print_names(", state ", &values[FIELD_STATE], state_word, NULL, out);
	if (request->hook != HOOK_OUTPUT)
		print_interfaces(fields, "in", &values[FIELD_IN], out);
	if (request->hook != HOOK_INPUT && request->hook != HOOK_PREROUTING)
		print_interfaces(fields, "out", &values[FIELD_OUT], out);
}
