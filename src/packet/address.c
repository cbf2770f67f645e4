/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "packet/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

address address_from_bytes(enum family family, const uint8_t *bytes)
{
	address value = 0;
	for (unsigned i = 0; i < family_bits(family) / 8; i++)
		value = value << 8 | bytes[i];
	return value;
}

void address_to_bytes(enum family family, address value, uint8_t *bytes)
{
	for (unsigned i = family_bits(family) / 8; i-- > 0; value >>= 8)
		bytes[i] = (uint8_t)value;
}

address prefix_mask(enum family family, unsigned length)
{
	unsigned bits = family_bits(family);
	address all = family_max(family);
	if (length == 0)
		return 0;
	return length >= bits ? all : all & ~(all >> length);
}

int mask_length(enum family family, address mask)
{
	address host = family_max(family) & ~mask;
	if (mask & ~family_max(family) || host & (host + 1))
		return -1; /* bits beyond the family's, or the host part is not 0...01...1 */
	int length = (int)family_bits(family);
	for (; host; host >>= 1)
		length--;
	return length;
}

int address_parse(enum family family, struct text text, address *value)
{
	char copy[INET6_ADDRSTRLEN];
	uint8_t bytes[16];
	if (text.size == 0 || text.size >= sizeof(copy) || memchr(text.data, '\0', text.size))
		return -EINVAL;
	memcpy(copy, text.data, text.size);
	copy[text.size] = '\0';
	if (inet_pton(family == FAMILY_IPV4 ? AF_INET : AF_INET6, copy, bytes) != 1)
		return -EINVAL;
	*value = address_from_bytes(family, bytes);
	return 0;
}

void address_print(enum family family, address value, struct buffer *out)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t bytes[16];
	address_to_bytes(family, value, bytes);
	if (inet_ntop(family == FAMILY_IPV4 ? AF_INET : AF_INET6, bytes, text, sizeof(text)))
		buffer_puts(out, text);
	else
		out->failed = true;
}
