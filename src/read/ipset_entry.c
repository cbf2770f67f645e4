/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The entry of add, del and test, part by part: ipset_parse_elem() and the functions below it in ipset's
 * lib/parse.c, and what the kernel refuses (the uadt functions in net/netfilter/ipset). */
#include "read/ipset.h"

#include <errno.h>
#include <stdlib.h>

int entry_error(struct ipset_reader *reader, const struct word *word, struct text text, const char *what,
		const char *hint)
{
	diagnostic_hint(
	    ipset_error(reader, word->span, "bad-member", "`%.*s' %s", (int)text.size, text.data, what), "%s",
	    hint);
	return -EINVAL;
}

/* How addresses may be written. */
enum address_form {
	FORM_SINGLE,     /* one address */
	FORM_RANGE4,     /* IPv4: a prefix or a range as well; IPv6: one address, or /128 */
	FORM_NET,        /* a prefix; IPv4: a range as well */
	FORM_NET_OR_ALL, /* /0 too */
};

static enum address_form form_of(enum set_type type, bool second)
{
	switch (type) {
	case SET_BITMAP_IP_MAC:
	case SET_HASH_IP_MAC:
		return FORM_SINGLE;
	case SET_HASH_IP_PORT_IP:
		return second ? FORM_SINGLE : FORM_RANGE4;
	case SET_HASH_IP_PORT_NET:
		return second ? FORM_NET : FORM_RANGE4;
	case SET_HASH_NET:
	case SET_HASH_NET_NET:
	case SET_HASH_NET_PORT:
	case SET_HASH_NET_PORT_NET:
		return FORM_NET;
	case SET_HASH_NET_INTERFACE:
		return FORM_NET_OR_ALL;
	default:
		return FORM_RANGE4;
	}
}

/* Fast for the plain dotted quads of long lists; all else is left to address_parse(). */
static bool quad_parse(struct text text, address *value)
{
	uint32_t sum = 0, byte = 0, dots = 0, digits = 0;
	for (size_t i = 0; i < text.size; i++) {
		unsigned digit = (unsigned char)text.data[i] - '0';
		if (text.data[i] == '.') {
			if (!digits)
				return false;
			sum = sum << 8 | byte;
			byte = digits = 0;
			dots++;
			continue;
		}
		if (digit > 9 || (digits && !byte) || (byte = byte * 10 + digit) > 255)
			return false;
		digits++;
	}
	*value = sum << 8 | byte;
	return dots == 3 && digits;
}

static int entry_address(struct ipset_reader *reader, enum family family, const struct word *word,
			 struct text text, address *value)
{
	static const char *const families[FAMILY_COUNT] = {"inet", "inet6"};
	enum family other = family == FAMILY_IPV4 ? FAMILY_IPV6 : FAMILY_IPV4;
	if (family == FAMILY_IPV4 && quad_parse(text, value))
		return 0;
	if (text.size > 2 && text.data[0] == '[' && text.data[text.size - 1] == ']')
		text = (struct text){text.data + 1, text.size - 2}; /* names with dashes are written so */
	if (address_parse(family, text, value) == 0)
		return 0;
	if (address_parse(other, text, value) == 0) {
		diagnostic_hint(ipset_error(reader, word->span, "wrong-family",
					    "`%.*s' is of family %s, the set of %s", (int)text.size,
					    text.data, families[other], families[family]),
				"a set has one family: create another for %s", families[other]);
		return -EINVAL;
	}
	return entry_error(reader, word, text, "is not an address", "names are not looked up");
}

int entry_range(struct ipset_reader *reader, enum family family, const struct word *word, struct text text,
		struct entry_addresses *addresses)
{
	unsigned bits = family_bits(family);
	const char *slash = text_find(text, '/'), *dash = slash ? NULL : text_find(text, '-');
	uint64_t length = bits;
	int result =
	    entry_address(reader, family, word,
			  slash || dash ? text_before(text, slash ? slash : dash) : text, &addresses->low);
	if (result < 0)
		return result;
	if (dash) {
		result = entry_address(reader, family, word, text_behind(text, dash), &addresses->high);
		if (result == 0 && addresses->low > addresses->high) { /* so does the kernel */
			address low = addresses->high;
			addresses->high = addresses->low;
			addresses->low = low;
		}
		addresses->is_range = true;
		return result;
	}
	if (slash && number_parse(text_behind(text, slash), bits, &length) < 0)
		return entry_error(reader, word, text, "has a wrong prefix length",
				   family == FAMILY_IPV4 ? "lengths go from 1 to 32"
							 : "lengths go from 1 to 128");
	address mask = prefix_mask(family, (unsigned)length);
	addresses->prefix = (uint8_t)length;
	addresses->low &= mask;
	addresses->high = addresses->low | (family_max(family) & ~mask);
	return 0;
}

static int check_form(struct ipset_reader *reader, const struct set *set, const struct word *word,
		      struct text text, enum address_form form, const struct entry_addresses *addresses)
{
	bool ipv4 = set->family == FAMILY_IPV4, slash = text_find(text, '/');
	if (addresses->is_range && (!ipv4 || form == FORM_SINGLE))
		return entry_error(reader, word, text, "is a range",
				   form == FORM_SINGLE ? "one address stands here"
						       : "sets of family inet6 take none");
	if (slash && (form == FORM_SINGLE || (!ipv4 && form == FORM_RANGE4 &&
					      (addresses->prefix != 128 || set->type == SET_HASH_IP_MARK))))
		return entry_error(reader, word, text, "is a network", "one address stands here");
	if (slash && addresses->prefix == 0 && form != FORM_NET_OR_ALL)
		return entry_error(reader, word, text, "has a wrong prefix length",
				   ipv4 ? "lengths go from 1 to 32" : "lengths go from 1 to 128");
	if (form >= FORM_NET && addresses->is_range && addresses->low == 0 &&
	    addresses->high == family_max(set->family))
		return entry_error(reader, word, text, "covers all addresses",
				   "halve it: 0.0.0.0/1 and 128.0.0.0/1");
	return 0;
}

static int check_addresses(struct ipset_reader *reader, const struct set *set, const struct word *word,
			   struct text text, struct entry_addresses *addresses)
{
	if (set->type == SET_BITMAP_IP || set->type == SET_BITMAP_IP_MAC) {
		address low = set_masked(set, addresses->low);
		if (low >= set->low && addresses->high <= set->high)
			return 0;
		struct diagnostic *error =
		    ipset_error(reader, word->span, "out-of-range", "`%.*s' is not in the set's range",
				(int)text.size, text.data);
		diagnostic_label(error, set->span, "created here");
		diagnostic_hint(error, "create it with a wider range");
		return -EINVAL;
	}
	if (set->type != SET_HASH_IP && set->type != SET_HASH_IP_PORT)
		return 0;
	if (set_masked(set, addresses->low) == 0) /* the kernel stores no zero in these */
		return entry_error(reader, word, text, "cannot be stored in a set of this type",
				   "use hash:net");
	/* The kernel masks the first of a range only (hash_ip4_uadt(), hash_ipport4_uadt()): the others could
	 * never match. */
	bool steps = set->type == SET_HASH_IP && !set->has_bitmask;
	if (!steps && set->mask != family_max(set->family) && addresses->low != addresses->high)
		return entry_error(reader, word, text, "is more than one address, and the set has a mask",
				   "add its networks one by one");
	return 0;
}

static int entry_addresses(struct ipset_reader *reader, const struct set *set, const struct word *word,
			   struct text text, struct entry *entry, bool second)
{
	struct entry_addresses *addresses = &entry->addresses[second];
	int result = entry_range(reader, set->family, word, text, addresses);
	if (result == 0)
		result = check_form(reader, set, word, text, form_of(set->type, second), addresses);
	return result || second ? result : check_addresses(reader, set, word, text, addresses);
}

/* Six numbers of base 16: ipset_parse_ether(). */
static int entry_mac(struct ipset_reader *reader, const struct set *set, const struct word *word,
		     struct text text, struct entry *entry)
{
	unsigned bytes = 0, digits = 0, value = 0, sum = 0;
	bool wrong = text.size > 17;
	for (size_t i = 0; i <= text.size && !wrong; i++) {
		char c = i < text.size ? text.data[i] : ':';
		unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
				 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
				 : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
							: 16;
		if (digit < 16) {
			value = value * 16 + digit;
			wrong = value > UINT8_MAX;
			digits++;
		} else if (c == ':' && digits && bytes < 6) {
			entry->mac[bytes++] = (uint8_t)value;
			sum |= value;
			value = digits = 0;
		} else {
			wrong = true;
		}
	}
	if (wrong || bytes != 6)
		return entry_error(reader, word, text, "is not a MAC address", "write 00:00:5e:00:53:01");
	if (!sum && set->type != SET_BITMAP_IP_MAC)
		return entry_error(reader, word, text, "cannot be stored in a set of this type",
				   "the kernel takes zero for no MAC address");
	entry->has_mac = true;
	return 0;
}

static int entry_interface(struct ipset_reader *reader, const struct word *word, struct text text,
			   struct entry *entry)
{
	if (text_starts(text, "physdev:")) {
		entry->physdev = true;
		text = (struct text){text.data + 8, text.size - 8};
	}
	if (text.size >= INTERFACE_NAME_MAX || (text.size && memchr(text.data, '\0', text.size)))
		return entry_error(reader, word, text, "is not the name of an interface",
				   "names have up to 15 characters");
	memcpy(entry->interface, text.data, text.size);
	return 0;
}

static int entry_set(struct ipset_reader *reader, const struct word *word, struct text text,
		     struct entry *entry)
{
	const struct word name = {text, word->span};
	entry->element = ipset_find(reader, &name);
	if (!entry->element)
		return -EINVAL;
	if (entry->element->set->type != SET_LIST)
		return 0;
	struct diagnostic *error = ipset_error(reader, word->span, "list-in-list", "%.*s is a list itself",
					       (int)text.size, text.data);
	diagnostic_label(error, entry->element->set->span, "created here");
	diagnostic_hint(error, "name the sets of that list");
	return -EINVAL;
}

static int entry_part(struct ipset_reader *reader, const struct set *set, const struct word *word,
		      struct text text, enum set_part part, struct entry *entry, bool second)
{
	const struct word mark = {text, word->span};
	uint64_t number;
	int result;
	switch (part) {
	case SET_PART_NONE:
		break;
	case SET_PART_ADDRESS:
	case SET_PART_NET:
		return entry_addresses(reader, set, word, text, entry, second);
	case SET_PART_PORT:
		return entry_port(reader, set, word, text, entry);
	case SET_PART_BARE_PORT:
		result = entry_bare_port(reader, word, text, entry);
		if (result == 0 && (entry->first_port < set->low || entry->last_port > set->high))
			return entry_error(reader, word, text, "is not in the set's range",
					   "create it with a wider range");
		return result;
	case SET_PART_MAC:
		return entry_mac(reader, set, word, text, entry);
	case SET_PART_MARK:
		result = ipset_number(reader, &mark, "mark", 0, UINT32_MAX, &number);
		entry->mark = (uint32_t)number & set->markmask;
		return result;
	case SET_PART_INTERFACE:
		return entry_interface(reader, word, text, entry);
	case SET_PART_SET:
		return entry_set(reader, word, text, entry);
	}
	return 0;
}

/* A comma at either end parts nothing: elem_separator(). */
static const char *separator(struct text text)
{
	const char *comma = text_find(text, ',');
	return comma && comma != text.data && text.data[text.size - 1] != ',' ? comma : NULL;
}

int ipset_entry(struct ipset_reader *reader, const struct set *set, const struct word *word,
		struct entry *entry)
{
	static const char *const hints[SET_TYPE_COUNT] = {
	    [SET_BITMAP_IP_MAC] = "ADDRESS or ADDRESS,MAC",
	    [SET_HASH_IP_MAC] = "ADDRESS,MAC",
	    [SET_HASH_IP_MARK] = "ADDRESS,MARK",
	    [SET_HASH_IP_PORT] = "ADDRESS,PROTOCOL:PORT",
	    [SET_HASH_IP_PORT_IP] = "ADDRESS,PROTOCOL:PORT,ADDRESS",
	    [SET_HASH_IP_PORT_NET] = "ADDRESS,PROTOCOL:PORT,NETWORK",
	    [SET_HASH_NET_NET] = "NETWORK,NETWORK",
	    [SET_HASH_NET_PORT] = "NETWORK,PROTOCOL:PORT",
	    [SET_HASH_NET_PORT_NET] = "NETWORK,PROTOCOL:PORT,NETWORK",
	    [SET_HASH_NET_INTERFACE] = "NETWORK,INTERFACE",
	};
	const char *hint = hints[set->type] ? hints[set->type] : "one part alone";
	struct text rest = word->text;
	bool second = false;
	*entry = (struct entry){0};
	for (int i = 0; i < set->dimensions; i++) {
		enum set_part part = set_types[set->type].parts[i];
		const char *comma = separator(rest);
		bool ends = i + 1 == set->dimensions || (set->type == SET_BITMAP_IP_MAC && !comma);
		if (!comma && !ends)
			return entry_error(reader, word, word->text, "has too few parts for the set's type",
					   hint);
		if (comma && ends)
			return entry_error(reader, word, word->text, "has more parts than the set's type",
					   hint);
		int result = entry_part(reader, set, word, comma ? text_before(rest, comma) : rest, part,
					entry, second);
		if (result < 0)
			return result;
		if (ends)
			return 0;
		second |= part == SET_PART_ADDRESS || part == SET_PART_NET;
		rest = text_behind(rest, comma);
	}
	return 0;
}
