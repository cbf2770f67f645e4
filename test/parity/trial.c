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
	    .fragments = trial->fragments,
	    .in_front = trial->in_front,
	    .odd = trial->odd,
	    .bounds = trial->bounds,
	    .leaving = trial->rules.leaving,
	    .nat = trial->rules.nat,
	    .lowers = trial->text.places & PLACE_LOWERS,
	    .turns = trial->text.places & PLACE_TURNS,
	};
	error = tally_init(&trial->prediction.tally, trial->ruleset, trial->family);
	if (!error)
		error = tally_init(&trial->prediction.perhaps, trial->ruleset, trial->family);
	return error ? error : predict(&trial->prediction, trial->frames, &trial->frame_count);
}

bool trial_differs(const struct trial *trial, bool nft, const struct rule_tally *counted, struct buffer *why)
{
	unsigned hooks = TALLY_RECEIVED;

	/* engine_run() ends before it. */
	if (trial->rules.session)
		hooks |= 1u << HOOK_POSTROUTING;
	if (trial->rules.leaving)
		hooks |= 1u << HOOK_OUTPUT;
	return tally_difference(&trial->prediction.tally, &trial->prediction.perhaps, counted, !nft, hooks,
				why);
}

void trial_fini(struct trial *trial)
{
	tally_fini(&trial->prediction.tally);
	tally_fini(&trial->prediction.perhaps);
	ruleset_cleanup(&trial->ruleset);
	drawn_rules_fini(&trial->text);
}

bool trial_load(const struct trial *trial, bool nft, struct buffer *why)
{
	testbed_flush();
	return (trial->rules.leaving || !testbed_forwarding(trial->rules.forwarding)) &&
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
	if (!error && trial->rules.leaving)
		error = testbed_send_out(frames, trial->frame_count, trial->family);
	if (!error)
		error = testbed_send(frames, trial->rules.leaving ? 0 : trial->frame_count, trial->family,
				     nft, &text);
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
