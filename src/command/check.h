/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Findings as they are shown: text, JSON, SARIF. */
#ifndef WEIR_COMMAND_CHECK_H
#define WEIR_COMMAND_CHECK_H

#include "check/check.h"

/* Each gives an exit code: EXIT_DONE, or EXIT_SYSTEM where it could not be written. */
int check_print_text(const struct diagnostics *sink, const struct check_result *result);
int check_print_json(const struct diagnostics *sink, const struct check_result *result);
/* SARIF 2.1.0 (OASIS). */
int check_print_sarif(const struct diagnostics *sink, const struct check_result *result);
/* --explain. */
void check_print_type(const struct finding_type *type);

#endif
