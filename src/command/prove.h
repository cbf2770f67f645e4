/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Proving a script of nft before it is put in force. */
#ifndef WEIR_COMMAND_PROVE_H
#define WEIR_COMMAND_PROVE_H

#include "ruleset/ruleset.h"

/* EXIT_DONE; else the exit code, in words with ": nothing was changed". */
int rules_prove(const char *command, const struct ruleset *ruleset, struct text script);

#endif
