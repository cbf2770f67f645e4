/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "trial.h"

#include "fixture.h"
#include "testbed.h"

#include <errno.h>
#include <string.h>

int trial_prepare(struct trial *trial, struct buffer *why)
{
	int error;

	trial->ruleset = fixture_load(&trial->text, why);
	if (!trial->ruleset)
		return -EINVAL;
	trial->prediction = (struct prediction){
	    .ruleset = trial->ruleset,
	    .family = trial->family,
	    .forwarding = trial->rules.forwarding,
	    .tracked = trial->tracked,
	    .session = trial->rules.session,
	    .nft = trial->nft,
	    .in_front = trial->in_front,
	    .odd = trial->odd,
	    .lowers = trial->text.places & PLACE_LOWERS,
	};
	error = tally_init(&trial->prediction.tally, trial->ruleset, trial->family);
	return error ? error : predict(&trial->prediction, trial->frames, &trial->frame_count);
}

void trial_fini(struct trial *trial)
{
	tally_fini(&trial->prediction.tally);
	ruleset_cleanup(&trial->ruleset);
	rules_text_fini(&trial->text);
}

bool trial_load(const struct trial *trial, bool nft, struct buffer *why)
{
	testbed_flush();
	return !testbed_forwarding(trial->rules.forwarding) &&
	       !testbed_load(&trial->text, trial->family, nft, why);
}

bool trial_send(const struct trial *trial, bool nft, struct rule_tally *tally, struct ruleset **saved,
		struct buffer *why)
{
	struct buffer text __attribute__((cleanup(buffer_fini))) = {0};
	struct ruleset *ruleset __attribute__((cleanup(ruleset_cleanup))) = NULL;
	struct frame frames[TRIAL_FRAMES];
	int error = trial->tracked ? testbed_forget() : 0;

	for (size_t i = 0; i < trial->frame_count; i++)
		frames[i] = trial->frames[i].frame;
	if (!error)
		error = testbed_send(frames, trial->frame_count, trial->family, nft, &text);
	if (error) {
		buffer_printf(why, "sending: %s", strerror(-error));
		return false;
	}
	ruleset = fixture_load_saved(&text, &trial->text, why);
	if (!ruleset || tally_add_saved(tally, ruleset)) {
		buffer_puts(why, "what the kernel saved has other chains or rules");
		return false;
	}
	if (saved) {
		*saved = ruleset;
		ruleset = NULL;
	}
	return true;
}
