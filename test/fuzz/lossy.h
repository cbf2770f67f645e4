/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rules that iptables-save 1.8.9 writes so that iptables-restore cannot read them, or reads something else.
 * weir prints as it does (test/unit/ has their lines), so that of them nothing can be said by reading again.
 */
#ifndef WEIR_TEST_FUZZ_LOSSY_H
#define WEIR_TEST_FUZZ_LOSSY_H

#include "ruleset/ruleset.h"

/* Whether one of the family's rules is such. */
bool lossy_rules(const struct ruleset *ruleset, enum family family);

#endif
