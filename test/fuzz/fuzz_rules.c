// SPDX-License-Identifier: GPL-2.0-or-later
/* iptables-save and ip6tables-save text, with sets before it: reads or refuses; what it reads it prints, and
 * reads and prints the same again. The first byte chooses the family. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	enum family family = data[0] == '6' ? FAMILY_IPV6 : FAMILY_IPV4;
	struct ruleset *first = fuzz_read((const char *)data + 1, size - 1, family);
	if (!first)
		return 0;
	struct buffer once = {0}, twice = {0}, sets = {0};
	const char *cut = memmem(data, size, "---\n", 4);
	if (cut)
		buffer_add(&sets, (const char *)data + 1, (size_t)(cut + 4 - (const char *)data) - 1);
	fuzz_print(first, family, &once);
	buffer_add(&sets, once.data ? once.data : "", once.size);
	struct ruleset *second = fuzz_read(sets.data ? sets.data : "", sets.size, family);
	if (!second)
		fuzz_complain("what was printed cannot be read", &once, NULL);
	fuzz_print(second, family, &twice);
	if (once.size != twice.size || (once.size && memcmp(once.data, twice.data, once.size) != 0))
		fuzz_complain("what was read again prints otherwise", &once, &twice);
	buffer_fini(&once);
	buffer_fini(&twice);
	buffer_fini(&sets);
	ruleset_free(first);
	ruleset_free(second);
	return 0;
}
