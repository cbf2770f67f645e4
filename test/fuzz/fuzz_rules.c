// SPDX-License-Identifier: GPL-2.0-or-later
/* iptables-save and ip6tables-save text, with sets before it: reads or refuses; what it reads it prints, and
 * reads and prints the same again, as far as iptables-save does. The first byte chooses the family. */
#include "fuzz.h"
#include "lossy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	enum family family = data[0] == '6' ? FAMILY_IPV6 : FAMILY_IPV4;
	struct ruleset *first = fuzz_read((const char *)data + 1, size - 1, family);
	struct buffer once = {0}, twice = {0}, text = {0};

	if (!first)
		return 0;
	fuzz_print(first, family, &once);
	/* The sets are there again for what was printed. */
	const char *cut = memmem(data, size, "---\n", 4);
	if (cut)
		buffer_add(&text, (const char *)data + 1, (size_t)(cut + 4 - (const char *)data) - 1);
	buffer_add(&text, once.data ? once.data : "", once.size);
	if (text.failed)
		abort();
	struct ruleset *second = fuzz_read(text.data ? text.data : "", text.size, family);
	if (second)
		fuzz_print(second, family, &twice);
	bool same = second && once.size == twice.size &&
		    (!once.size || memcmp(once.data, twice.data, once.size) == 0);
	if (!same && !lossy_rules(first, family))
		fuzz_complain(second ? "what was read again prints otherwise"
				     : "what was printed cannot be read",
			      &once, &twice);
	buffer_fini(&once);
	buffer_fini(&twice);
	buffer_fini(&text);
	ruleset_free(first);
	if (second)
		ruleset_free(second);
	return 0;
}
