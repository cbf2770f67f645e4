/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sets of nftables as ipset has them, and the matches that look them up.
 *
 * A set of nftables says nothing of the protocol that a port is of: the rule that looks it up does. So that
 * one set may become several. */
#include "read/nft_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define PARTS_MAX 5
#define PROTOCOLS_MAX 4
#define NAME_MAX_SIZE 31         /* IPSET_MAXNAMELEN */
#define SET_LINES_MAX (1u << 23) /* of all sets */
#define MAXELEM 65536            /* ipset's default */
#define TIMEOUT_MAX 2147483      /* seconds, of ipset */
#define COMMENT_MAX 255          /* IPSET_MAX_COMMENT_SIZE */

static bool is(const char *text, const char *other)
{
	return text && strcmp(text, other) == 0;
}

enum part { PART_ADDRESS, PART_PORT, PART_PROTOCOL, PART_INTERFACE };

/* How a set's elements are read, and what ipset makes of them. */
struct shape {
	size_t part_count;
	enum part parts[PARTS_MAX];
	struct nft_left lefts[PARTS_MAX];
	size_t addresses[2], address_count; /* indexes of parts */
	int port, protocol, interface;      /* indexes; -1: none */
	uint8_t protocols[PROTOCOLS_MAX];   /* of the port, where no part says it */
	size_t protocol_count;
	bool nets[2];
	const char *type;
};

/* --- What the key says */

static bool has_ports(unsigned protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP ||
	       protocol == IPPROTO_UDPLITE;
}

/* Of ports that are looked at in whatever header there is: those that the rule has asked for. */
static bool rule_protocols(struct nft_rule *rule, struct shape *shape)
{
	struct nft_segment *segment = listing_segment(rule);
	const struct nft_ranges *ranges = NULL;

	for (size_t i = 0; i < rule->segment_count; i++)
		if (rule->segments[i].ranged[NFT_PROTOCOL])
			ranges = &rule->segments[i].ranges[NFT_PROTOCOL];
	if (segment->ranged[NFT_PROTOCOL])
		ranges = &segment->ranges[NFT_PROTOCOL];
	for (size_t i = 0; ranges && i < ranges->count; i++)
		for (address value = ranges->ranges[i].low; value <= ranges->ranges[i].high; value++) {
			if (!has_ports((unsigned)value) || shape->protocol_count == PROTOCOLS_MAX)
				return false;
			shape->protocols[shape->protocol_count++] = (uint8_t)value;
		}
	return shape->protocol_count > 0;
}

static bool read_part(struct shape *shape, struct json_object *key)
{
	size_t i = shape->part_count;
	struct nft_left *left = &shape->lefts[i];

	if (i == PARTS_MAX)
		return false;
	listing_left(key, left);
	if (left->mask != left->max)
		return false;
	if ((left->key == NFT_SADDR || left->key == NFT_DADDR) && shape->address_count < 2) {
		shape->parts[i] = PART_ADDRESS;
		shape->addresses[shape->address_count++] = i;
	} else if ((left->key == NFT_SPORT || left->key == NFT_DPORT) && shape->port < 0) {
		shape->parts[i] = PART_PORT;
		shape->port = (int)i;
	} else if (left->key == NFT_PROTOCOL && shape->protocol < 0) {
		shape->parts[i] = PART_PROTOCOL;
		shape->protocol = (int)i;
	} else if ((left->key == NFT_IN || left->key == NFT_OUT) && shape->interface < 0) {
		shape->parts[i] = PART_INTERFACE;
		shape->interface = (int)i;
	} else {
		return false;
	}
	shape->part_count++;
	return true;
}

static bool read_shape(struct nft_rule *rule, struct json_object *key, struct shape *shape)
{
	struct json_object *keys = listing_get(key, "concat");
	size_t count = json_object_is_type(keys, json_type_array) ? json_object_array_length(keys) : 0;

	*shape = (struct shape){.port = -1, .protocol = -1, .interface = -1};
	if (!count && !read_part(shape, key))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!read_part(shape, json_object_array_get_idx(keys, i)))
			return false;
	if (!shape->address_count || (shape->port < 0 && shape->protocol >= 0) ||
	    (shape->interface >= 0 && (shape->address_count > 1 || shape->port >= 0)))
		return false;
	if (shape->port < 0)
		return true;
	int protocol = shape->lefts[shape->port].protocol;
	if (protocol >= 0) {
		/* Where a part says it, too, nft(8) has found out that it can be this one only. */
		if (shape->protocol < 0)
			shape->protocols[shape->protocol_count++] = (uint8_t)protocol;
		return has_ports((unsigned)protocol);
	}
	return shape->protocol >= 0 || rule_protocols(rule, shape);
}

/* --- Elements */

struct element {
	struct address_range parts[PARTS_MAX];
	struct json_object *interface;
};

static bool read_element(const struct shape *shape, struct json_object *json, struct element *element)
{
	struct json_object *value = listing_element_value(json), *values = listing_get(value, "concat");
	size_t count = json_object_is_type(values, json_type_array) ? json_object_array_length(values) : 0;

	if (shape->part_count > 1 ? count != shape->part_count : count != 0)
		return false;
	for (size_t i = 0; i < shape->part_count; i++) {
		struct json_object *part = count ? json_object_array_get_idx(values, i) : value;
		if (shape->parts[i] == PART_INTERFACE) {
			struct buffer name = {0};
			bool good = listing_interface(part, &name) && !strchr(name.data, '+') &&
				    !strchr(name.data, ',');
			buffer_fini(&name);
			element->interface = part;
			if (!good)
				return false;
		} else if (!listing_value_range(&shape->lefts[i], part, &element->parts[i])) {
			return false;
		}
	}
	return shape->protocol < 0 ||
	       (element->parts[shape->protocol].low == element->parts[shape->protocol].high &&
		has_ports((unsigned)element->parts[shape->protocol].low));
}

/* The type that takes all elements. */
static bool choose_type(struct shape *shape, struct json_object *elements, bool interval)
{
	bool zero = false;
	struct element element = {0};
	size_t count = json_object_array_length(elements);

	for (size_t i = 0; i < count; i++) {
		if (!read_element(shape, json_object_array_get_idx(elements, i), &element))
			return false;
		for (size_t k = 0; k < shape->address_count; k++) {
			struct address_range range = element.parts[shape->addresses[k]];
			shape->nets[k] |= range.low != range.high;
			zero |= !range.low;
		}
	}
	if (shape->address_count == 1) {
		shape->nets[0] |= interval || (zero && shape->port < 0) || shape->interface >= 0;
		shape->type = shape->interface >= 0 ? "hash:net,iface"
			      : shape->port < 0     ? (shape->nets[0] ? "hash:net" : "hash:ip")
						    : (shape->nets[0] ? "hash:net,port" : "hash:ip,port");
		return true;
	}
	shape->nets[1] |= interval || shape->nets[0];
	if (shape->port < 0)
		shape->nets[0] = shape->nets[1] = true;
	shape->type = shape->port < 0  ? "hash:net,net"
		      : shape->nets[0] ? "hash:net,port,net"
		      : shape->nets[1] ? "hash:ip,port,net"
				       : "hash:ip,port,ip";
	return true;
}

struct writer {
	struct nft_reader *reader;
	const struct shape *shape;
	enum family family;
	const char *name;
	struct json_object *options; /* the element with what it has besides; NULL: nothing */
	bool timeout, counters, comments;
	uint64_t default_timeout; /* 0: none */
	struct buffer lines;
	size_t count;
	bool many;
};

/* What is left of it, in seconds. nft(8) rounds down: what was put in a moment ago has all of its time, and
 * what is about to go has not gone, for which 0 would stand as if it stayed. */
static bool read_timeout(const struct writer *writer, uint64_t *left)
{
	uint64_t whole = writer->default_timeout;
	bool given = listing_number(listing_get(writer->options, "timeout"), UINT32_MAX, &whole);

	if (writer->reader->choice.as_written ||
	    !listing_number(listing_get(writer->options, "expires"), UINT32_MAX - 1, left)) {
		*left = whole;
		return given;
	}
	if (*left < whole || !whole)
		++*left;
	return true;
}

static void write_options(struct writer *writer)
{
	uint64_t number = 0, more = 0;
	struct json_object *counter = listing_get(writer->options, "counter");
	const char *comment = listing_string(listing_get(writer->options, "comment"));
	struct buffer *out = &writer->lines;

	if (writer->timeout && read_timeout(writer, &number))
		buffer_printf(out, " timeout %" PRIu64,
			      number > TIMEOUT_MAX ? TIMEOUT_MAX
			      : number             ? number
						   : 1);
	else if (writer->timeout)
		buffer_puts(out, " timeout 0");
	if (writer->counters && listing_number(listing_get(counter, "packets"), UINT64_MAX, &number) &&
	    listing_number(listing_get(counter, "bytes"), UINT64_MAX, &more))
		buffer_printf(out, " packets %" PRIu64 " bytes %" PRIu64, number, more);
	if (writer->comments && comment && *comment) {
		buffer_puts(out, " comment \"");
		for (size_t i = 0; comment[i] && i < COMMENT_MAX; i++) {
			char c = (unsigned char)comment[i] < ' ' || comment[i] == 127 ? ' ' : comment[i];
			buffer_add(out, c == '"' || c == '\\' ? "'" : &c, 1);
		}
		buffer_puts(out, "\"");
	}
	buffer_puts(out, "\n");
}

/* One member: addresses as prefixes, one port. */
static void write_member(struct writer *writer, const struct address_range nets[2], unsigned protocol,
			 unsigned port, struct json_object *interface)
{
	const struct shape *shape = writer->shape;
	struct buffer *out = &writer->lines;

	buffer_printf(out, "add %s ", writer->name);
	for (size_t i = 0; i < shape->address_count; i++) {
		int length = listing_range_prefix(writer->family, nets[i]);
		if (i && shape->port < 0)
			buffer_puts(out, ",");
		address_print(writer->family, nets[i].low, out);
		if (shape->nets[i] && (unsigned)length < family_bits(writer->family))
			buffer_printf(out, "/%d", length);
		if (i == 0 && shape->port >= 0)
			buffer_printf(out, ",%u:%u%s", protocol, port, shape->address_count > 1 ? "," : "");
	}
	if (interface) {
		buffer_puts(out, ",");
		listing_interface(interface, out);
	}
	write_options(writer);
	writer->count++;
	writer->reader->set_lines++;
	writer->many |= writer->reader->set_lines > SET_LINES_MAX || out->size > SOURCE_SIZE_MAX / 2;
}

/* The largest prefix that begins where the range does; not /0, which no set takes. */
static struct address_range first_prefix(enum family family, struct address_range range)
{
	unsigned length = family_bits(family);

	while (length > 1) {
		address block = family_max(family) & ~prefix_mask(family, length - 1);
		if ((range.low & block) || (range.low | block) > range.high)
			break;
		length--;
	}
	return (struct address_range){range.low,
				      range.low | (family_max(family) & ~prefix_mask(family, length))};
}

static void write_ports(struct writer *writer, const struct address_range nets[2],
			const struct element *element)
{
	const struct shape *shape = writer->shape;

	if (shape->port < 0) {
		write_member(writer, nets, 0, 0, element->interface);
		return;
	}
	struct address_range ports = element->parts[shape->port];
	for (address port = ports.low; port <= ports.high && !writer->many; port++) {
		if (shape->protocol >= 0)
			write_member(writer, nets, (unsigned)element->parts[shape->protocol].low,
				     (unsigned)port, NULL);
		for (size_t i = 0; shape->protocol < 0 && i < shape->protocol_count; i++)
			write_member(writer, nets, shape->protocols[i], (unsigned)port, NULL);
	}
}

static void write_nets(struct writer *writer, struct address_range nets[2], size_t at,
		       const struct element *element)
{
	const struct shape *shape = writer->shape;

	if (at == shape->address_count) {
		write_ports(writer, nets, element);
		return;
	}
	struct address_range rest = element->parts[shape->addresses[at]];
	while (!writer->many) {
		nets[at] = first_prefix(writer->family, rest);
		write_nets(writer, nets, at + 1, element); /* two deep */
		if (nets[at].high == rest.high)
			return;
		rest.low = nets[at].high + 1;
	}
}

static bool write_elements(struct writer *writer, struct json_object *elements)
{
	for (size_t i = 0; i < json_object_array_length(elements) && !writer->many; i++) {
		struct json_object *json = json_object_array_get_idx(elements, i);
		struct element element = {0};
		struct address_range nets[2];
		if (!read_element(writer->shape, json, &element))
			return false;
		writer->options = listing_get(json, "elem");
		write_nets(writer, nets, 0, &element);
	}
	if (writer->many)
		listing_error(writer->reader, "nft-too-large", NULL,
			      "set %s: its ranges make too many members", writer->name);
	return !writer->many;
}

/* --- Names */

static char *fresh_name(struct nft_reader *reader, const struct nft_set *named)
{
	struct buffer name = {0};
	char *copy = NULL;
	const char *own = named ? named->name : "nft";

	if (named && strncmp(own, "set-", 4) == 0 && own[4])
		own += 4;
	for (size_t try = named ? 0 : ++reader->set_number; !copy && try < 1000000; try++) {
		char number[24] = "";
		if (try)
			snprintf(number, sizeof(number), "-%zu", try);
		name.size = 0;
		for (size_t i = 0; own[i] && i + strlen(number) < NAME_MAX_SIZE; i++) {
			char c = own[i];
			bool good =
			    (unsigned char)c > ' ' && (unsigned char)c < 127 && !strchr("\"'\\,:#", c);
			buffer_add(&name, good ? &c : "_", 1);
		}
		buffer_puts(&name, number);
		if (name.failed || name_index_find(reader->set_names, (struct text){name.data, name.size}) ||
		    (reader->choice.beside &&
		     ruleset_find_set(reader->choice.beside, (struct text){name.data, name.size})))
			continue;
		copy = arena_copy(reader->arena, name.data, name.size);
		if (!copy || name_index_add(reader->arena, &reader->set_names, text_of(copy), copy))
			reader->failed = true;
		if (!copy)
			break;
	}
	reader->failed |= name.failed || !copy;
	buffer_fini(&name);
	return copy;
}

static bool has_flag(struct json_object *set, const char *flag)
{
	struct json_object *flags = listing_get(set, "flags");

	if (is(listing_string(flags), flag))
		return true;
	for (size_t i = 0; json_object_is_type(flags, json_type_array) && i < json_object_array_length(flags);
	     i++)
		if (is(listing_string(json_object_array_get_idx(flags, i)), flag))
			return true;
	return false;
}

/* What an element has besides its value, in any of them. */
static bool any_has(struct json_object *elements, const char *key)
{
	for (size_t i = 0; i < json_object_array_length(elements); i++)
		if (listing_get(listing_get(json_object_array_get_idx(elements, i), "elem"), key))
			return true;
	return false;
}

static bool counts(struct json_object *set)
{
	struct json_object *statements = listing_get(set, "stmt");

	return json_object_is_type(statements, json_type_array) && json_object_array_length(statements) &&
	       json_object_object_get_ex(json_object_array_get_idx(statements, 0), "counter", NULL);
}

static bool write_set(struct nft_rule *rule, const struct shape *shape, struct json_object *elements,
		      const struct nft_set *named, const char *name)
{
	struct nft_reader *reader = rule->reader;
	struct json_object *set = named ? named->json : NULL;
	struct writer writer = {.reader = reader, .shape = shape, .family = rule->family, .name = name};
	uint64_t timeout = 0, size = 0;
	bool given = listing_number(listing_get(set, "timeout"), UINT32_MAX, &timeout);

	writer.default_timeout = timeout;
	writer.timeout =
	    given || has_flag(set, "timeout") || any_has(elements, "timeout") || any_has(elements, "expires");
	writer.counters = counts(set) || any_has(elements, "counter");
	writer.comments = any_has(elements, "comment");
	bool done = write_elements(&writer, elements);
	if (done) {
		struct buffer *out = &reader->set_text;
		buffer_printf(out, "create %s %s family %s", name, shape->type,
			      rule->family == FAMILY_IPV4 ? "inet" : "inet6");
		/* It matters to rules that add to it. */
		if (!named || !named->changed || !listing_number(listing_get(set, "size"), UINT32_MAX, &size))
			size = MAXELEM;
		if (size < writer.count)
			size = writer.count;
		if (size != MAXELEM)
			buffer_printf(out, " maxelem %" PRIu64, size);
		if (writer.timeout)
			buffer_printf(out, " timeout %" PRIu64,
				      timeout > TIMEOUT_MAX ? TIMEOUT_MAX : timeout);
		buffer_printf(out, "%s%s\n", writer.counters ? " counters" : "",
			      writer.comments ? " comment" : "");
		buffer_add(out, writer.lines.data ? writer.lines.data : "", writer.lines.size);
	}
	reader->failed |= writer.lines.failed || reader->set_text.failed;
	buffer_fini(&writer.lines);
	return done;
}

/* The same set for the same rule makes one. */
static const char *name_of(struct nft_rule *rule, struct shape *shape, struct json_object *elements,
			   const struct nft_set *named)
{
	struct nft_reader *reader = rule->reader;
	struct buffer key = {0};
	const char *name = NULL;

	buffer_printf(&key, "%d %s", (int)rule->family, shape->type);
	for (size_t i = 0; i < shape->part_count; i++)
		buffer_printf(&key, " %d", (int)shape->parts[i]);
	for (size_t i = 0; i < shape->protocol_count; i++)
		buffer_printf(&key, " %u", shape->protocols[i]);
	if (named)
		buffer_printf(&key, " @%d %s/%s", (int)named->table->family, named->table->name, named->name);
	else
		buffer_printf(&key, " %s", json_object_to_json_string_ext(elements, JSON_C_TO_STRING_PLAIN));
	name = key.failed ? NULL : name_index_find(reader->set_cache, (struct text){key.data, key.size});
	if (!name && !key.failed) {
		char *fresh = fresh_name(reader, named);
		char *kept = arena_copy(reader->arena, key.data, key.size);
		if (fresh && kept && write_set(rule, shape, elements, named, fresh)) {
			name = fresh;
			reader->failed |= name_index_add(reader->arena, &reader->set_cache,
							 (struct text){kept, key.size}, fresh) != 0;
		}
		reader->failed |= !kept;
	}
	reader->failed |= key.failed;
	buffer_fini(&key);
	return name;
}

static void put_directions(const struct shape *shape, struct buffer *out)
{
	const char *comma = " ";
	size_t order[3], count = 0;

	order[count++] = shape->addresses[0];
	if (shape->port >= 0)
		order[count++] = (size_t)shape->port;
	if (shape->address_count > 1)
		order[count++] = shape->addresses[1];
	if (shape->interface >= 0)
		order[count++] = (size_t)shape->interface;
	for (size_t i = 0; i < count; i++) {
		enum nft_key key = shape->lefts[order[i]].key;
		bool source = key == NFT_SADDR || key == NFT_SPORT || key == NFT_IN;
		buffer_printf(out, "%s%s", comma, source ? "src" : "dst");
		comma = ",";
	}
}

static bool shape_of(struct nft_rule *rule, struct json_object *key, struct json_object *elements,
		     struct nft_set *named, struct shape *shape)
{
	return json_object_is_type(elements, json_type_array) && !(named && named->unfollowed) &&
	       read_shape(rule, key, shape) &&
	       choose_type(shape, elements, named && has_flag(named->json, "interval")) &&
	       !(named && named->changed && shape->part_count > 1);
}

bool listing_set_reference(struct nft_rule *rule, struct json_object *key, struct json_object *elements,
			   struct nft_set *named, struct buffer *out)
{
	struct shape shape;

	if (!shape_of(rule, key, elements, named, &shape))
		return false;
	const char *name = name_of(rule, &shape, elements, named);
	if (!name)
		return false;
	buffer_printf(out, "%s", name);
	put_directions(&shape, out);
	return true;
}

/* A look-up that is inverted matches in iptables where no port is found, too. */
static bool header_there(struct nft_rule *rule, const struct shape *shape)
{
	struct nft_segment *segment = listing_segment(rule);
	struct nft_ranges all = {0};

	if (shape->port < 0 || rule->copy->no_late)
		return true;
	if (shape->protocol >= 0) {
		if (rule->family != FAMILY_IPV4)
			return false;
		segment->never |= segment->fragment == FRAGMENT_LATER;
		segment->fragment = FRAGMENT_NOT_LATER;
		return true;
	}
	rule->reader->failed |= listing_ranges_add(rule->reader->arena, &all, 0, UINT16_MAX) < 0;
	segment->ranged[NFT_DPORT] = segment->ranged[NFT_DPORT] || (segment->ranges[NFT_DPORT] = all, true);
	segment->th |= shape->lefts[shape->port].protocol < 0;
	return true;
}

bool listing_match_set(struct nft_rule *rule, struct json_object *key, struct json_object *elements,
		       struct nft_set *named, bool inverted)
{
	struct buffer option = {0};
	struct shape shape;

	if (!shape_of(rule, key, elements, named, &shape) || (inverted && !header_there(rule, &shape))) {
		struct json_object *pick = inverted || (named && (named->changed || named->timed))
					       ? NULL
					       : listing_expand(rule, elements, elements);
		return pick && listing_match_value(rule, key, listing_element_value(pick));
	}
	const char *name = name_of(rule, &shape, elements, named);
	bool done = name;
	if (name) {
		buffer_printf(&option, " -m set%s --match-set %s", inverted ? " !" : "", name);
		put_directions(&shape, &option);
		bool counting = counts(named ? named->json : NULL) || any_has(elements, "counter");
		if (counting || (named && named->changed))
			listing_match_stateful(rule, option.data ? option.data : "", false);
		else
			buffer_add(&listing_segment(rule)->matches, option.data ? option.data : "",
				   option.size);
		if (inverted && shape.port >= 0 && rule->copy->no_late && !rule->not_for_late)
			rule->not_for_late =
			    arena_copy(rule->reader->arena, option.data ? option.data : "", option.size);
	}
	rule->reader->failed |= option.failed;
	buffer_fini(&option);
	return done;
}
