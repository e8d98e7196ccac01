/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * limit.pml: the life of two buffers under one limit, for spin: two consumers, a worker, buffers of up to two units each
 * and room for three. Buffer 1 may read buffer 0 while it is made. buffer.pml looks at one buffer's word operation by
 * operation; here what happens to a word under its stripe's lock is one step, and so is each region of the account's lock;
 * getting and freeing memory, looking for something to evict, and deciding to sleep are steps of their own.
 *
 *   inline or process   what                                              src/core
 *   reserve             as a demand, a borrower or a prefetch, by what the load is now   vcol__load_reserve (load.c)
 *     ask_prefetch      room, or room made; else gives up                 vcol__account_reserve (account.c), PREFETCH
 *     ask               room, or in line; make room; sleep; the grant     vcol__account_reserve, DEMAND and BORROW;
 *                       over the limit                                    line_up_locked, oldest_locked, grant_locked
 *   make_room           recycled memory, evict, take back from the queue  vcol__evict_make_room (evict.c)
 *     trim              from the free list to the system                  vcol__memory_trim (memory.c)
 *     drop              RESIDENT, no pins -> EVICTING -> VIRTUAL          drop (buffer.c)
 *     revoke            what was reserved for a QUEUED load               vcol__queue_revoke (queue.c)
 *   take                memory against the grant                          vcol__memory_take (memory.c), vcol__account_back
 *   give                memory back: to the free list, or freed           vcol__memory_give (memory.c), vcol__account_free
 *   run_load            runnable; reserve, take; borrow, take; give back; publish   vcol__load_run, publish (load.c)
 *   pin, unpin          join, take over or start; kick at the last unpin  vcol__buffer_pin_slow, join,
 *                                                                         vcol__buffer_unpin_slow (buffer.c)
 *   wait_told           not runnable while it waits for a load            vcol__load_wait (load.c)
 *   clear               drop, doom, or take back                          vcol__buffer_clear (buffer.c)
 *   scope, end_scope    VIRTUAL -> QUEUED; back, or cancelled and joined  vcol__queue_add, vcol__queue_remove (queue.c),
 *                                                                         give_up, vcol__scope_stop (scope.c)
 *   worker: plan        reserves ahead, as a prefetch                     plan_next (reading.c), prepare (unit.c)
 *   worker: run         QUEUED -> LOADING                                 pop, take_over, run_and_leave (queue.c)
 *   moving              memory on its way, which a look does not find     vcol__account_moving, vcol__account_settled
 *                                                                         (account.c)
 *
 * What must hold:
 *   mem <= live + promised + cached in every state: what exists is in the account until it is freed (`truth`);
 *   live + promised + cached <= LIMIT, but for what was granted over it and counted (`ceiling`);
 *   with -DLENDS, as with pages, cached is what of the free list exceeds `promised`: what exists stays below the sum all the same;
 *   a grant over the limit is the oldest's of the line, a demand's, and made when nothing is runnable and nothing can be
 *   freed by any look: nothing recycled, evictable or reserved ahead, and nothing on its way to that;
 *   with -DHARD the same of the error that stands in its place;
 *   a newcomer is not admitted while a borrower is in line, a prefetch not while anybody is, and neither beside the head;
 *   the head of the line does not sleep while something can be freed and nobody is about to tell it;
 *   one instance and one load of a buffer at most; nothing is freed that is pinned; a reader finds what it pinned;
 *   nobody waits for ever (no invalid end state);
 *   in the end nothing is promised, runnable, moving or in line, and live is what the resident buffers have.
 *
 * With -DLENDS `take` and `give` are take_pages, back and give_pages (memory.c), with vcol__account_over and vcol__account_backed
 * (account.c); `make_room` leaves the free list alone; the fault DRAIN touches fresh memory without freeing any.
 *
 * The faults (FAULT_...) CREDIT, KICK, RUNNABLE, FAILED, PREFETCH, MOVING and ENDED are those of src/core/fault.h; MOVING, PLAN,
 * TAKEN and ENDED are ones that the code had, see README.md. run.sh looks after it that each is found.
 */
#ifndef OPS0
#define OPS0 1 /* operations of the first consumer, which also prefetches */
#endif
#ifndef OPS1
#define OPS1 1 /* operations of the second consumer, which also clears */
#endif
#define LIMIT 3
#ifdef ALONE /* buffer 1 does not read buffer 0 */
#define READS_INPUT 0
#else
#define READS_INPUT 1
#endif

#define VIRTUAL 0
#define QUEUED 1
#define LOADING 2
#define RESIDENT 3
#define EVICTING 4

/* The buffers. */
byte state[2];
byte pins[2];
bit doomed[2];
byte size[2];     /* regions of one unit in leaf[] */

/* Their loads; a buffer has one at most. */
bit busy[2];      /* load.busy */
bit prepared[2];  /* load.prepared */
bit tried[2];     /* was planned in vain: not again for this wish */
bit demanded[2];  /* load.demanded */
bit cancelled[2]; /* load.cancelled */
bit stopped[2];   /* load.stopped */
bit waits_on_0;   /* the load of 1 waits_on the load of 0 */
byte held[2];     /* load.grant.held */
bit aged[2];      /* load.grant.ticket != 0 */
bit older;        /* whose ticket is the smaller one */
bit taken[2];     /* it came from the queue with something reserved: load.moving */
byte fate[2];     /* what becomes of it */
byte need[2];     /* asked of the account now */
bit borrow[2];    /* by one that was started */
bit hard[2];      /* the answer was VCOL_LIMIT */
bit found[2];     /* make_room freed something */
bit blocked[2];   /* not runnable while it waits in line */

/* The account. */
byte live, promised, cached;
byte runnable;
byte moving;
byte making;      /* threads in make_room: with the line, account.waiting */
byte want[2];     /* the line: 0 = not in it */
bit borrows[2];   /* urgency in line */
bit event[2];     /* given_back has grown since it looked */
bit sleeps[2];    /* in pthread_cond_wait on account.changed */
byte listed;      /* regions on the free list */
byte leaving;     /* with LENDS: was cached, is being freed */
byte drained[2];  /* likewise: taken off the list, to be freed before fresh memory is touched */
byte backed;      /* in one step only */
byte beyond[2];   /* of what is drained: more than is touched then */

/*
 * Who waits for a load, or has it made: consumers 0 and 1, the load of buffer 1 for its input (2), the worker (3). A load
 * is a process of its own here (`loader`), which the thread that began it waits for: that thread does nothing else, and so
 * spin has the code of a load once.
 */
#define NOTHING 0
#define FILLED 1
#define FAILED 2
#define STOPPED 3
byte joined[4];   /* the buffer whose load it waits for, plus 1 */
byte told[4];
bit asleep[4];    /* on stripe.changed */
bit go[2];        /* begun: LOADING, and about to run */
bit above;        /* the load of 0 runs on the thread of the load of 1 */
bit scope[2];     /* consumer 0 has a scope open that names it */

/* Ghosts: no decision depends on them. */
byte mem;         /* units that the allocator gave */
byte ceiling = LIMIT;
byte holders[2];  /* pins that saw it resident */
byte telling;     /* threads that are about to tell the line of something that can be freed now */
byte done;

#ifndef LENDS
#define SUM (live + promised + cached)
#define FITS(n) (SUM + (n) <= LIMIT)
#define RECYCLED (listed > 0) /* a look can free it */
#define NONE_RECYCLED (cached == 0)
#else
#define SUM (live + leaving + (promised > cached -> promised : cached))
#define FITS(n) (live + leaving + (promised + (n) > cached -> promised + (n) : cached) <= LIMIT)
#define RECYCLED false /* what is asked for has it already */
#define NONE_RECYCLED true
#endif
#define LINE (want[0] > 0 || want[1] > 0)
#define AHEAD(b) ((borrows[b] && !borrows[1 - (b)]) || (borrows[b] == borrows[1 - (b)] && older == (b)))
#define HEAD(b) (want[b] > 0 && (want[1 - (b)] == 0 || AHEAD(b)))
#define OLDEST(b) (want[1 - (b)] == 0 || older == (b))
#define WAITING (making > 0 || LINE)
#define EVICTABLE(b) (state[b] == RESIDENT && pins[b] == 0)
#define REVOCABLE(b) (state[b] == QUEUED && !busy[b] && prepared[b] && held[b] > 0)
#define FREEABLE (RECYCLED || EVICTABLE(0) || EVICTABLE(1) || REVOCABLE(0) || REVOCABLE(1))

#define WAKE asleep[0] = 0; asleep[1] = 0; asleep[2] = 0; asleep[3] = 0
#define WAKE_LINE sleeps[0] = 0; sleeps[1] = 0
/* event_locked */
#define EVENT event[0] = (want[0] > 0); event[1] = (want[1] > 0); WAKE_LINE
/* vcol__account_runnable, downward */
#ifdef FAULT_ENDED
#define ENDED WAKE_LINE
#else
#define ENDED EVENT
#endif
#define TRUTH assert(mem <= SUM)
#define LOWERED \
    TRUTH; \
    ceiling = (SUM <= LIMIT -> LIMIT : (SUM < ceiling -> SUM : ceiling))

/* ---- what can be told about memory on its way -------------------------------------------------- */

inline begin_moving() {
#ifndef FAULT_MOVING
    moving++
#else
    skip
#endif
}

/* Under the account's lock where somebody waits: who looked too early sees either that it moves or that it has come. */
inline end_moving() {
#ifndef FAULT_MOVING
    if
#ifndef FAULT_SETTLED
    :: atomic { WAITING -> assert(moving > 0); moving--; EVENT }
    :: atomic { !WAITING -> telling++ }
#else
    :: telling++
#endif
        atomic { assert(moving > 0); moving-- }
        atomic {
            if
            :: WAITING -> EVENT
            :: else
            fi;
            telling--
        }
    fi
#else
    skip
#endif
}

/* ---- memory ------------------------------------------------------------------------------------- */

#ifdef LENDS

/* One region of b's. What is on the list may not fit it: then fresh memory, for which recycled memory goes where there is no room. */
inline take(b) {
    atomic {
        assert(held[b] > 0 && state[b] == LOADING && size[b] < 2 && holders[b] == 0);
        if
        :: listed > 0 -> listed--; cached--; found[b] = 1
        :: found[b] = 0
        fi;
        backed = live + cached + found[b];
        held[b]--;
        promised--;
        live++;
        size[b]++;
#ifndef FAULT_DRAIN
        do
        :: !found[b] && SUM > LIMIT && cached > promised -> listed--; cached--; drained[b]++
        :: else -> break
        od;
        beyond[b] = live + (promised > cached -> promised : cached);
        beyond[b] = (backed > beyond[b] -> backed - beyond[b] : 0);
        leaving = leaving + beyond[b];
#endif
        backed = 0;
        if
        :: found[b] || drained[b] > 0 -> EVENT
        :: else
        fi;
        assert(SUM <= ceiling);
        LOWERED
    }
    if
    :: !found[b] ->
        if
        :: drained[b] > 0 ->
            atomic { mem = mem - drained[b] }
            drained[b] = 0;
            if
            :: beyond[b] > 0 -> atomic { leaving = leaving - beyond[b]; beyond[b] = 0; EVENT; LOWERED }
            :: else
            fi
        :: else
        fi;
        atomic { mem++; TRUTH }
    :: else -> found[b] = 0
    fi
}

/* All regions of b's; the list has a bound, beyond which what is not lent is freed. */
inline give(b) {
    do
    :: size[b] > 0 ->
        atomic { assert(holders[b] == 0); size[b]--; live--; cached++; listed++; EVENT; LOWERED }
        if
        :: atomic { cached > promised -> cached--; listed--; leaving++ }
            atomic { mem-- }
            atomic { leaving--; EVENT; LOWERED }
        :: true
        fi
    :: else -> break
    od
}

#else

/* One region of b's. */
inline take(b) {
    atomic {
        assert(held[b] > 0);
        if
        :: listed > 0 -> listed--; found[b] = 1
        :: listed == 0 -> mem++; found[b] = 0; TRUTH
        fi
    }
    atomic {
        assert(state[b] == LOADING && size[b] < 2 && holders[b] == 0);
        held[b]--;
        promised--;
        live++;
        size[b]++;
        if
        :: found[b] -> cached--; EVENT; LOWERED
        :: else
        fi;
        found[b] = 0
    }
}

/* All regions of b's. Who does it is alone with them: EVICTING, or a load that fails. */
inline give(b) {
    do
    :: size[b] > 0 ->
        if
        :: atomic { !WAITING && cached == 0 -> /* room on the free list */
                assert(holders[b] == 0);
                begin_moving() }
            atomic { size[b]--; live--; cached++; EVENT }
            listed++;
            end_moving()
        :: else ->
#ifdef FAULT_CREDIT
            atomic { live--; EVENT; LOWERED }
            atomic { assert(holders[b] == 0); size[b]--; mem--; }
#else
            atomic { assert(holders[b] == 0); mem-- }
            atomic { size[b]--; live--; EVENT; LOWERED }
#endif
        fi
    :: else -> break
    od
}

#endif

/* To EVICTING was the caller's. */
inline drop(b) {
    give(b);
    atomic {
        assert(state[b] == EVICTING && size[b] == 0);
        state[b] = VIRTUAL;
        WAKE
    }
    end_moving()
}

#define GRAB(b) \
    atomic { EVICTABLE(b) -> begin_moving(); state[b] = EVICTING; doomed[b] = 0 }

#define GRAB_DOOMED(b) \
    atomic { EVICTABLE(b) && doomed[b] -> begin_moving(); state[b] = EVICTING; doomed[b] = 0 }

/* For a load of b. Sets found[b]. */
inline look(b, other) {
    if
    :: found[b] /* enough */
    :: else ->
        if
        :: GRAB(other)
            drop(other);
            found[b] = 1
        :: !EVICTABLE(other)
        fi
    fi
}

inline revoke(b, other) {
    if
    :: found[b]
    :: else ->
        if
        :: atomic { REVOCABLE(other) -> begin_moving(); busy[other] = 1 }
            atomic { promised = promised - held[other]; held[other] = 0; EVENT; LOWERED }
            atomic { busy[other] = 0; prepared[other] = 0; WAKE }
            end_moving();
            found[b] = 1
        :: !REVOCABLE(other)
        fi
    fi
}

inline make_room(b, all) {
    making++;
    atomic {
        if
        :: RECYCLED -> begin_moving(); listed--; mem--; found[b] = 1
        :: else -> found[b] = 0
        fi
    }
    if
    :: found[b] ->
        atomic { cached--; EVENT; LOWERED }
        end_moving()
    :: else
    fi;
    look(b, 0);
    look(b, 1);
    if
    :: all -> revoke(b, 1 - b)
    :: else
    fi;
    making--
}

/* ---- the account ---------------------------------------------------------------------------------- */

#define AGE(b) \
    if \
    :: !aged[b] -> aged[b] = 1; older = (aged[1 - (b)] -> 1 - (b) : (b)) \
    :: else \
    fi

#define LEAVE(b) \
    want[b] = 0; borrows[b] = 0; event[b] = 0; \
    runnable = runnable + blocked[b]; blocked[b] = 0; \
    WAKE_LINE

#define GRANT(b) \
    assert(borrow[b] || !(borrows[1 - (b)] && want[1 - (b)] > 0)); \
    held[b] = held[b] + need[b]; promised = promised + need[b]; \
    need[b] = 0; \
    assert(SUM <= ceiling)

#ifdef FAULT_RUNNABLE
#define RUNS 0
#else
#define RUNS (runnable > 0)
#endif

#ifdef HARD
#define OVER(b) hard[b] = 1; need[b] = 0
#else
#define OVER(b) \
    held[b] = held[b] + need[b]; promised = promised + need[b]; need[b] = 0; \
    ceiling = (SUM > ceiling -> SUM : ceiling)
#endif

/* With the lock held since it was last told something, or looked. What the asserts say must be so whatever the code looks at. */
#define DECIDE(b) \
    if \
    :: !blocked[b] -> blocked[b] = 1; runnable--; WAKE_LINE \
    :: else \
    fi; \
    if \
    :: event[b] \
    :: !event[b] && !RUNS && moving == 0 && OLDEST(b) -> \
        assert(demanded[b]); \
        assert(runnable == 0); \
        assert((!FREEABLE && NONE_RECYCLED) || telling > 0); \
        assert(state[0] != EVICTING && state[1] != EVICTING); \
        assert(held[1 - (b)] == 0 || blocked[1 - (b)] || waits_on_0); \
        OVER(b); \
        LEAVE(b) \
    :: else -> sleeps[b] = 1 \
    fi

/* need[b] units for a load that somebody waits for. */
inline ask(b) {
    atomic {
        AGE(b);
        if
        :: !LINE && FITS(need[b]) -> GRANT(b)
        :: else -> want[b] = need[b]; borrows[b] = borrow[b]
        fi
    }
    do
    :: need[b] == 0 -> break
    :: else ->
        atomic {
            sleeps[b] == 0;
            found[b] = 0;
            if
            :: HEAD(b) && FITS(need[b]) -> GRANT(b); LEAVE(b)
            :: HEAD(b) && !FITS(need[b]) -> event[b] = 0; found[b] = 1
            :: !HEAD(b) -> event[b] = 0; DECIDE(b)
            fi
        }
        if
        :: found[b] ->
            make_room(b, 1);
            if
            :: found[b] -> found[b] = 0 /* once more */
            :: else -> atomic { DECIDE(b) }
            fi
        :: else
        fi
    od
}

/* The same for one that nobody waits for: need[b] stays where there is no room. */
inline ask_prefetch(b) {
    atomic {
        AGE(b);
        if
        :: !LINE && FITS(need[b]) -> GRANT(b)
        :: else
        fi;
        found[b] = !LINE && need[b] > 0
    }
    if
    :: found[b] ->
        make_room(b, 0);
        atomic {
            found[b] = 0;
            if
            :: !LINE && FITS(need[b]) -> GRANT(b)
            :: else
            fi
        }
    :: else
    fi
}

/* need[b] units, if any. Sets fate[b] where there is no memory. */
inline reserve(b) {
    do
    :: need[b] == 0 ->
        atomic {
            borrow[b] = 0;
            if
            :: hard[b] -> hard[b] = 0; fate[b] = FAILED
            :: else
            fi
        }
        break
    :: else ->
#ifdef FAULT_PREFETCH
        ask(b)
#else
        if
        :: demanded[b] -> ask(b)
        :: else ->
            ask_prefetch(b);
            if
            :: need[b] > 0 && !demanded[b] -> atomic { need[b] = 0; stopped[b] = 1; fate[b] = STOPPED }
            :: else
            fi
        fi
#endif
    od
}

/* ---- a load ----------------------------------------------------------------------------------------- */

#define TELL(who, b, result) \
    if \
    :: joined[who] == b + 1 -> told[who] = result; joined[who] = 0 \
    :: else \
    fi

/* The load's state is the buffer's here, so that it is gone with it. */
#define FORGET(b) \
    demanded[b] = 0; cancelled[b] = 0; stopped[b] = 0; tried[b] = 0; prepared[b] = 0; aged[b] = 0; \
    older = (aged[1 - (b)] -> 1 - (b) : 0)

/* VIRTUAL, or QUEUED and not in the hands of who plans it -> LOADING. */
#define BEGINS(b) (state[b] == VIRTUAL || (state[b] == QUEUED && !busy[b]))
#if defined(FAULT_TAKEN) || defined(FAULT_MOVING)
#define TAKEN(b) skip
#else
#define TAKEN(b) \
    if \
    :: held[b] > 0 -> taken[b] = 1; moving++ \
    :: else \
    fi
#endif
#define BEGIN_LOAD(b, wanted) \
    TAKEN(b); \
    state[b] = LOADING; \
    demanded[b] = (demanded[b] || wanted); \
    go[b] = 1; \
    joined[me] = b + 1

#define WAIT_A_MOMENT(b) \
    atomic { state[b] == EVICTING || (state[b] == QUEUED && busy[b]) -> asleep[me] = 1 } \
    asleep[me] == 0

inline unpin(b, saw) {
    atomic {
        assert(pins[b] > 0);
        pins[b]--;
        holders[b] = holders[b] - saw;
        last = (pins[b] == 0);
        telling = telling + last
    }
    if
    :: last ->
        if
        :: GRAB_DOOMED(b)
            drop(b)
        :: !(EVICTABLE(b) && doomed[b])
        fi;
        atomic {
#ifndef FAULT_KICK
            if
            :: WAITING -> EVENT
            :: else
            fi;
#endif
            telling--;
            last = 0
        }
    :: else
    fi
}

/* Buffer 0 for the load of buffer 1. Sets seen, or fate[1] where it fails. */
inline pin_input() {
    atomic {
        pins[0]++;
        if
        :: state[0] == RESIDENT -> holders[0]++; seen = 1
        :: else
        fi
    }
    do
    :: seen || fate[1] != NOTHING -> break
    :: else ->
        if
        :: atomic { state[0] == RESIDENT -> holders[0]++; seen = 1 }
        :: atomic { BEGINS(0) -> BEGIN_LOAD(0, demanded[1]); above = 1; waits_on_0 = 1; own = 1 }
        :: atomic { state[0] == LOADING -> joined[me] = 1; demanded[0] = (demanded[0] || demanded[1]); waits_on_0 = 1 }
#ifndef FAULT_BLOCKED
            if
            :: told[me] == NOTHING -> atomic { runnable--; ENDED; own = 0 }
                told[me] != NOTHING;
                runnable++
            :: told[me] != NOTHING
            fi
#endif
        :: WAIT_A_MOMENT(0)
        fi;
        if
        :: joined[me] == 0 && told[me] == NOTHING
        :: joined[me] != 0 || told[me] != NOTHING ->
            told[me] != NOTHING;
            atomic {
                waits_on_0 = 0;
                telling = telling - (own && told[me] == FILLED);
                own = 0;
                if
                :: told[me] == FILLED -> assert(state[0] == RESIDENT); holders[0]++; seen = 1
                :: told[me] == FAILED -> fate[1] = FAILED
                :: told[me] == STOPPED && !demanded[1] -> stopped[1] = 1; fate[1] = STOPPED
                :: told[me] == STOPPED && demanded[1]
                fi;
                told[me] = NOTHING
            }
        fi
    od;
    if
    :: seen
    :: else -> unpin(0, 0)
    fi
}

/* Reserves one unit or two, what was reserved ahead included; then it is done, or fails, or is stopped, or needs more. */
proctype loader(bit b) {
    bit last;
    bit seen;
    bit own;
    bit read;    /* its input has been read */
    bit started;
    byte me = 2;

end:
    do
    :: atomic { go[b] -> go[b] = 0;
            assert(state[b] == LOADING && size[b] == 0 && fate[b] == NOTHING);
            if
            :: b == 0 && above
            :: else -> runnable++
            fi;
            started = prepared[b];
            read = !READS_INPUT }
        if
        :: taken[b] -> taken[b] = 0; end_moving()
        :: else
        fi;
        do
        :: fate[b] != NOTHING -> break
        :: fate[b] == NOTHING && size[b] == 2 -> fate[b] = FILLED
        :: fate[b] == NOTHING && b == 1 && size[b] == 1 && !read ->
            read = 1;
            pin_input()
        :: atomic { fate[b] == NOTHING && size[b] < 2 && (size[b] == 0 || b == 0 || read) ->
                if
                :: size[b] == 0 && held[b] < 2 -> need[b] = 2 - held[b]
                :: size[b] == 0 && held[b] < 1 -> need[b] = 1
                :: held[b] > 0
                :: size[b] == 1 && held[b] == 0 -> need[b] = 1
                :: size[b] == 1 -> fate[b] = FILLED
                :: fate[b] = FAILED
                :: cancelled[b] && !demanded[b] -> stopped[b] = 1; fate[b] = STOPPED
                fi;
                borrow[b] = started;
                started = 1 }
            reserve(b);
            if
            :: fate[b] == NOTHING -> take(b)
            :: else
            fi
        od;
        if
        :: seen -> seen = 0; unpin(0, 1)
        :: else
        fi;
#ifdef FAULT_FAILED
        if
        :: fate[b] != FILLED -> held[b] = 0
        :: else
        fi;
#endif
        if
        :: held[b] > 0 -> atomic { promised = promised - held[b]; held[b] = 0; EVENT; LOWERED }
        :: else
        fi;
        if
        :: fate[b] != FILLED -> give(b)
        :: else
        fi;
        atomic {
            assert(state[b] == LOADING && held[b] == 0);
            if
            :: fate[b] == FILLED ->
                assert(size[b] > 0);
                state[b] = RESIDENT;
                telling++
            :: else ->
                assert(size[b] == 0);
                state[b] = VIRTUAL;
                doomed[b] = 0;
                if
                :: stopped[b] -> fate[b] = STOPPED
                :: else
                fi
            fi;
            TELL(0, b, fate[b]);
            TELL(1, b, fate[b]);
            TELL(2, b, fate[b]);
            TELL(3, b, fate[b]);
            WAKE;
            FORGET(b);
            if
            :: b == 0 -> above = 0
            :: else
            fi;
            fate[b] = NOTHING;
            started = 0;
            read = 0
        }
    od
}

/* Sets ok: pinned and resident; else an error, and no pin. */
inline pin(b) {
    atomic {
        pins[b]++;
        if
        :: state[b] == RESIDENT -> holders[b]++; ok = 1
        :: else -> ok = 0
        fi
    }
    do
    :: ok -> break
    :: else ->
        if
        :: atomic { state[b] == RESIDENT -> holders[b]++; ok = 1 }
        :: atomic { BEGINS(b) -> BEGIN_LOAD(b, 1); own = 1 }
        :: atomic { state[b] == LOADING -> joined[me] = b + 1; demanded[b] = 1 }
            if
            :: atomic { b == 1 && waits_on_0 && state[0] == LOADING -> demanded[0] = 1 }
            :: !(b == 1 && waits_on_0 && state[0] == LOADING)
            fi
        :: WAIT_A_MOMENT(b)
        fi;
        if
        :: joined[me] == 0 && told[me] == NOTHING
        :: joined[me] != 0 || told[me] != NOTHING ->
            told[me] != NOTHING;
            if
            :: own -> atomic { own = 0; telling = telling - (told[me] == FILLED); runnable--; ENDED }
            :: else
            fi;
            if
            :: atomic { told[me] == FILLED -> told[me] = NOTHING; assert(state[b] == RESIDENT); holders[b]++; ok = 1 }
            :: atomic { told[me] == FAILED -> told[me] = NOTHING }
                break
            :: atomic { told[me] == STOPPED -> told[me] = NOTHING } /* tries again */
            fi
        fi
    od;
    if
    :: ok
    :: else -> unpin(b, 0)
    fi
}

/* QUEUED -> VIRTUAL, and what was reserved for it. The load is another then: what it holds is this thread's. */
inline take_back(b) {
    do
    :: atomic { state[b] != QUEUED -> break }
    :: atomic { state[b] == QUEUED && !busy[b] ->
            begin_moving();
            state[b] = VIRTUAL;
            mine = (held[b] > 0);
            back = held[b];
            held[b] = 0;
            FORGET(b);
            WAKE }
        if
        :: mine -> atomic { mine = 0; promised = promised - back; back = 0; EVENT; LOWERED }
        :: else
        fi;
        end_moving();
        break
    :: atomic { state[b] == QUEUED && busy[b] -> asleep[me] = 1 }
        asleep[me] == 0
    od
}

inline clear(b) {
    if
    :: GRAB(b)
        drop(b)
    :: atomic { state[b] == LOADING || (state[b] == RESIDENT && pins[b] > 0) -> doomed[b] = 1 }
    :: state[b] == VIRTUAL || state[b] == EVICTING
    :: state[b] == QUEUED -> take_back(b)
    fi
}

/* ---- the threads ---------------------------------------------------------------------------------- */

#define READ(b) assert(state[b] == RESIDENT && size[b] > 0)
#define TO_SCOPE(b) (!scope[b] && (state[b] == VIRTUAL || state[b] == LOADING))
#define OPS (me == 0 -> OPS0 : OPS1)

proctype consumer(bit me) {
    byte n;
    byte back;
    bit has[2];
    bit x;
    bit ok;
    bit mine;
    bit own;
    bit last;

    do
    :: atomic { n < OPS && !(has[0] && has[1]) -> n++;
            if
            :: !has[0] -> x = 0
            :: !has[1] -> x = 1
            fi }
        pin(x);
        atomic { has[x] = ok; ok = 0; x = 0 }
    :: atomic { has[0] || has[1] ->
            if
            :: has[0] -> x = 0
            :: has[1] -> x = 1
            fi;
            has[x] = 0;
            READ(x) }
        unpin(x, 1);
        x = 0
    :: atomic { n < OPS && me == 1 -> n++;
            if
            :: x = 0
            :: x = 1
            fi }
        clear(x);
        x = 0
    :: atomic { me == 0 && n < OPS && (TO_SCOPE(0) || TO_SCOPE(1)) ->
            n++;
            if
            :: TO_SCOPE(0) -> x = 0
            :: TO_SCOPE(1) -> x = 1
            fi;
            scope[x] = 1;
            if
            :: state[x] == VIRTUAL -> state[x] = QUEUED
            :: else -> cancelled[x] = 0
            fi;
            x = 0 }
    :: atomic { me == 0 && (scope[0] || scope[1]) -> x = !scope[0]; scope[x] = 0 }
        take_back(x);
        atomic {
            if
            :: state[x] == LOADING && !demanded[x] -> cancelled[x] = 1
            :: else
            fi
        }
        atomic { state[x] != LOADING || demanded[x] || !cancelled[x] -> x = 0 } /* joined */
    :: atomic { n == OPS && !has[0] && !has[1] && !(me == 0 && (scope[0] || scope[1])) -> done++; break }
    od
}

#define TO_PLAN(b) (state[b] == QUEUED && !busy[b] && !prepared[b] && !tried[b])
#define TO_RUN(b) (state[b] == QUEUED && !busy[b])

proctype worker() {
    bit x;
    byte me = 3;

end:
    do
    :: atomic { TO_PLAN(0) || TO_PLAN(1) ->
            if
            :: TO_PLAN(0) -> x = 0
            :: TO_PLAN(1) -> x = 1
            fi;
            busy[x] = 1;
            tried[x] = 1;
#ifndef FAULT_PLAN
            begin_moving();
#endif
            if
            :: need[x] = 1
            :: need[x] = 2
            fi }
        ask_prefetch(x);
        atomic {
            prepared[x] = (need[x] == 0);
            need[x] = 0;
            busy[x] = 0;
            WAKE
        }
#ifndef FAULT_PLAN
        end_moving();
#endif
        x = 0
    :: atomic { TO_RUN(0) || TO_RUN(1) ->
            if
            :: TO_RUN(0) -> x = 0
            :: TO_RUN(1) -> x = 1
            fi;
            BEGIN_LOAD(x, 0) }
        told[me] != NOTHING;
        if
        :: told[me] == FILLED ->
            if
            :: GRAB_DOOMED(x)
                drop(x)
            :: !(EVICTABLE(x) && doomed[x])
            fi
        :: else
        fi;
        atomic { telling = telling - (told[me] == FILLED); told[me] = NOTHING; runnable--; ENDED; x = 0 }
    od
}

/* Fires in any state in which a guard holds. */
proctype watch() {
end:
    do
    :: atomic { HEAD(0) && sleeps[0] && !event[0] && FREEABLE && telling == 0 && moving == 0 -> assert(false) }
    :: atomic { HEAD(1) && sleeps[1] && !event[1] && FREEABLE && telling == 0 && moving == 0 -> assert(false) }
    :: atomic { done == 2 && state[0] != LOADING && state[1] != LOADING && state[0] != QUEUED && state[1] != QUEUED &&
            runnable == 0 && telling == 0 && moving == 0 ->
            assert(promised == 0 && !LINE && making == 0);
            assert(held[0] == 0 && held[1] == 0 && pins[0] == 0 && pins[1] == 0 && holders[0] == 0 && holders[1] == 0);
            assert(state[0] == RESIDENT || (state[0] == VIRTUAL && size[0] == 0));
            assert(state[1] == RESIDENT || (state[1] == VIRTUAL && size[1] == 0));
            assert(live == size[0] + size[1] && cached == listed && mem == live + listed);
            done = 3 }
    od
}

init {
    atomic {
        run consumer(0);
        run consumer(1);
        run loader(0);
        run loader(1);
        run worker();
        run watch()
    }
}
