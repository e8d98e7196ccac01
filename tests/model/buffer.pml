/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * buffer.pml: the life of one buffer, for spin: two consumers (pin, read, unpin, getter with a lease,
 * clear, begin and end of a prefetch scope, in any order), one worker, one evictor, and a generator
 * that may fail. Every atomic step of the code is one atomic step here; what the code does under the
 * buffer's lock is done under `lk`; getting and freeing memory are steps of their own, so that a bad
 * interleaving of them shows.
 *
 * The word is one integer, as in the code: state, DOOM (a clear was asked for), pins.
 *
 *   pin, a hit                   any    +1 pin, RESIDENT: done              vcol_buffer_pin
 *   pin, the slow way            VIRTUAL, QUEUED -> LOADING                 vcol_buffer_pin
 *   wait                         LOADING, EVICTING: until told              vcol_buffer_pin
 *   publish                      LOADING -> RESIDENT, told                  load
 *   fail                         LOADING -> VIRTUAL, told in one lock       load
 *   unpin                        -1 pin; RESIDENT DOOM, no pin: drop        vcol_buffer_unpin
 *   drop                         EVICTING, free, -> VIRTUAL, told           drop
 *   clear                        by state, see the inline                   vcol_buffer_clear
 *   evict                        RESIDENT, no pin -> EVICTING, drop         evict
 *   prefetch, take back          VIRTUAL <-> QUEUED                         prefetch
 *
 * What must hold, wherever it is checked: at most one instance (`live`); nothing is freed while a pin
 * that saw it resident holds (`holders`); a reader reads the instance it pinned (`ver`); a lease's
 * memory is there; an instance for which a clear was asked (`asked`, set when clear is called, whatever
 * clear then does) is never there without pins when nobody is in the middle of something; whoever
 * waits is told (no invalid end state); an error goes to the waiters of that load and to no others
 * (`joined`); with everything done there are no pins and no memory but a resident instance's.
 */
#ifndef OPS0
#define OPS0 3 /* operations of the first consumer, which also prefetches */
#endif
#ifndef OPS1
#define OPS1 2 /* operations of the second consumer */
#endif

#define VIRTUAL 0
#define QUEUED 1
#define LOADING 2
#define RESIDENT 3
#define EVICTING 4
#define DOOM 8
#define PIN 16
#define ST(x) ((x) & 7)
#define PINS(x) ((x) >> 4)
#define IDLE_DOOMED(x) ((x) == (RESIDENT | DOOM))

byte w;       /* the word */
bit lk;       /* the buffer's lock */
bit lease;    /* the chunk's lease slot: a lease is one pin */
bit cancel;   /* the scope has ended: a load that nobody waits for may stop */
byte queue;   /* the executor's entries for this buffer */

/* a waiter: the condition variable and what it is told */
#define TOLD_NOTHING 0
#define TOLD_ERROR 1
bit waiting[2];
bit told[2];

/* what became of a load */
#define FILLED 0
#define FAILED 1
#define CANCELLED 2

/* ghosts: no decision depends on them */
byte live;    /* instances in memory */
bit ver;      /* which one, mod 2 */
byte holders; /* pins that saw it resident */
bit asked;    /* a clear was called for this load or instance */
bit lid;      /* the load, mod 2 */
byte joined[2];
byte inop;    /* operations under way */
byte done;    /* consumers that have ended */

/* pthread_cond_broadcast; to be called with the lock held */
inline wake_all() {
    d_step {
        waiting[0] = 0;
        waiting[1] = 0;
    }
}

inline wake_loaded() {
#ifdef FAULT_WAITER
    /* pthread_cond_signal: the second waiter sleeps on */
    d_step {
        if
        :: waiting[0] -> waiting[0] = 0
        :: else -> waiting[1] = 0
        fi
    }
#else
    wake_all()
#endif
}

/* A new instance's memory. */
inline allocate() {
    atomic {
        live++;
        assert(live == 1);
        ver = (ver + 1) % 2
    }
}

inline give_back() {
    atomic {
        assert(live == 1);
        assert(holders == 0);
        live--;
        asked = 0
    }
}

/* The state is EVICTING and it is ours: free, make it virtual, tell who came meanwhile. */
inline drop() {
    give_back();
    atomic {
        assert(ST(w) == EVICTING);
        w = (w - EVICTING) & ~DOOM;
        old = w
    }
    if
    :: PINS(old) > 0 ->
        atomic { lk == 0 -> wake_all() }
    :: else
    fi
}

inline start_load() {
    lid = (lid + 1) % 2;
    cancel = 0;
    asked = 0
}

/* The state is LOADING and it is ours; `ours` is 1 if we hold a pin. Sets ok. */
inline load() {
    if
    :: fate = FAILED /* no memory */
    :: allocate();
        /* the generator has written */
        if
        :: atomic { assert(live == 1); fate = FILLED }
        :: give_back_failed();
            fate = FAILED
        :: !ours && cancel && PINS(w) == 0 -> /* vcol_fill_cancelled */
            give_back_failed();
            fate = CANCELLED
        fi
    fi;
    if
    :: fate == FILLED ->
        atomic {
            assert(ST(w) == LOADING);
            w = w - LOADING + RESIDENT;
            old = w;
            holders = holders + ours
        }
        atomic { lk == 0 -> wake_loaded() }
        ok = 1;
        if
        :: IDLE_DOOMED(old) -> drop_doomed()
        :: else
        fi
    :: else ->
        d_step {
            lk == 0 ->
            assert(ST(w) == LOADING);
            w = (w - LOADING) & ~DOOM;
            asked = 0;
            /* a cancelled prefetch tells nobody: who came in that instant tries again */
            if
            :: fate == FAILED && waiting[0] ->
                assert(joined[0] == lid || joined[0] == 2);
                told[0] = TOLD_ERROR
            :: else
            fi;
            if
            :: fate == FAILED && waiting[1] ->
                assert(joined[1] == lid || joined[1] == 2);
                told[1] = TOLD_ERROR
            :: else
            fi;
            waiting[0] = 0;
            waiting[1] = 0;
            ok = 0
        }
    fi;
    fate = FILLED
}

inline give_back_failed() {
    atomic {
        assert(live == 1);
        assert(holders == 0);
        live--
    }
}

/* `old` is what the word became: RESIDENT, DOOM and no pins. A pin that came meanwhile takes over. */
inline drop_doomed() {
#ifndef FAULT_UNPIN
    atomic {
        if
        :: w == old -> w = w - RESIDENT + EVICTING; ok2 = 1
        :: else -> ok2 = 0
        fi
    }
    if
    :: ok2 -> ok2 = 0; drop()
    :: else
    fi
#else
    skip
#endif
}

inline unpin(saw) {
    atomic {
        assert(PINS(w) > 0);
        w = w - PIN;
        holders = holders - saw;
        old = w
    }
    if
    :: IDLE_DOOMED(old) -> drop_doomed()
    :: else
    fi
}

/* Sets ok: 1 = pinned and resident, 0 = an error, and no pin. */
inline pin() {
    atomic {
        old = w;
        w = w + PIN;
        if
        :: ST(old) == RESIDENT -> holders++; ok = 1; mine = ver
        :: else -> ok = 0
        fi
    }
    if
    :: ok
    :: else ->
        do
        :: atomic { lk == 0 -> lk = 1; old = w;
                if
                :: ST(old) == RESIDENT -> holders++; mine = ver; ok = 1; lk = 0
                :: ST(old) == LOADING || ST(old) == EVICTING ->
#ifdef FAULT_LOADER
                    if
                    :: ST(old) == LOADING -> old = VIRTUAL; start_load(); lk = 0; ok = 1
                    :: else
                    fi;
#endif
                    if
                    :: ok
                    :: else ->
                        if
                        :: ST(old) == LOADING -> joined[me] = lid
                        :: else -> joined[me] = 2
                        fi;
                        waiting[me] = 1;
                        lk = 0
                    fi
                :: else
                fi
            }
            if
            :: ST(old) == RESIDENT -> break
            :: ST(old) == VIRTUAL || ST(old) == QUEUED ->
                if
                :: ok
                :: else ->
                    atomic {
                        if
                        :: w == old -> w = w - ST(old) + LOADING; start_load(); ok = 1
                        :: else
                        fi;
                        lk = 0
                    }
                fi;
                if
                :: ok ->
                    ours = 1;
                    load();
                    ours = 0;
                    if
                    :: ok -> mine = ver
                    :: else -> unpin(0)
                    fi;
                    break
                :: else
                fi
            :: else ->
                atomic { waiting[me] == 0 && lk == 0 -> joined[me] = 2;
                    if
                    :: told[me] == TOLD_ERROR -> told[me] = TOLD_NOTHING; old = 0
                    :: else -> old = 1
                    fi }
                if
                :: old == 0 -> unpin(0); ok = 0; break
                :: else
                fi
            fi
        od
    fi
}

inline clear() {
    atomic {
        had = lease;
        lease = 0;
        if
        :: ST(w) == LOADING || ST(w) == RESIDENT -> asked = 1
        :: else
        fi
    }
    do
    :: old = w;
        if
        :: ST(old) == VIRTUAL || ST(old) == EVICTING -> break
        :: ST(old) == QUEUED ->
            atomic {
                if
                :: w == old -> w = w - QUEUED + VIRTUAL; break
                :: else
                fi
            }
        :: ST(old) == LOADING ->
#ifdef FAULT_CLEAR
            if
            :: live > 0 -> give_back()
            :: else
            fi;
            break
#endif
            atomic {
                if
                :: w == old -> w = w | DOOM; break
                :: else
                fi
            }
        :: ST(old) == RESIDENT && PINS(old) == 0 ->
            atomic {
                if
                :: w == old -> w = w - RESIDENT + EVICTING; ok = 1
                :: else -> ok = 0
                fi
            }
            if
            :: ok -> drop(); break
            :: else
            fi
        :: ST(old) == RESIDENT && PINS(old) > 0 ->
            atomic {
                if
                :: w == old -> w = w | DOOM; break
                :: else
                fi
            }
        fi
    od;
    if
    :: had -> had = 0; unpin(1)
    :: else
    fi
}

#define OPS (me == 0 -> OPS0 : OPS1)

proctype consumer(bit me) {
    byte old;
    bit mine;  /* the instance that was pinned */
    byte n;
    bit held;   /* an explicit pin */
    bit ok;
    bit ok2;
    bit had;
    bit ours;
    byte fate;

    joined[me] = 2;
    do
    :: atomic { n < OPS && !held -> n++; inop++ }
        pin();
        held = ok;
        atomic { old = 0; ok = 0; inop-- }
    :: atomic { held -> inop++ }
        atomic { assert(live == 1 && ver == mine && ST(w) == RESIDENT) }
        held = 0;
        mine = 0;
        unpin(1);
        atomic { old = 0; ok = 0; inop-- }
    :: atomic { n < OPS -> n++; inop++ }
        clear();
        atomic { old = 0; ok = 0; inop-- }
    :: atomic { n < OPS && !held && lease == 0 -> n++; inop++ }
        pin();
        if
        :: ok ->
            atomic { had = lease; lease = 1 }
            if
            :: had -> had = 0; unpin(1) /* another took it first */
            :: else
            fi
        :: else
        fi;
        atomic { old = 0; mine = 0; ok = 0; inop-- }
    :: atomic { n < OPS && me == 0 && ST(w) == VIRTUAL -> n++; inop++; old = w }
        atomic {
            if
            :: w == old -> w = w - VIRTUAL + QUEUED; ok = 1
            :: else -> ok = 0
            fi
        }
        if
        :: ok -> queue++
        :: else
        fi;
        atomic { old = 0; ok = 0; inop-- }
    :: atomic { n < OPS && me == 0 && (ST(w) == QUEUED || ST(w) == LOADING) -> n++; inop++; old = w }
        atomic {
            if
            :: w == old && ST(old) == QUEUED -> w = w - QUEUED + VIRTUAL
            :: else -> cancel = 1
            fi
        }
        atomic { old = 0; ok = 0; inop-- }
    :: atomic { n == OPS && !held -> done++; break }
    od
}

proctype worker() {
    byte old;
    bit ok;
    bit ok2;
    bit ours;
    byte fate;

end:
    do
    :: atomic { queue > 0 -> queue--; inop++; old = w }
        do
        :: ST(old) == QUEUED ->
            atomic {
                if
                :: w == old -> w = w - QUEUED + LOADING; start_load(); ok = 1
                :: else -> ok = 0; old = w
                fi
            }
            if
            :: ok -> load(); break
            :: else
            fi
        :: else -> break
        od;
        atomic { old = 0; ok = 0; inop-- }
    od
}

proctype evictor() {
    byte old;

end:
    do
#ifdef FAULT_EVICT
    :: atomic { ST(w) == RESIDENT -> old = w; inop++ }
#else
    :: atomic { ST(w) == RESIDENT && PINS(w) == 0 -> old = w; inop++ }
#endif
        atomic {
            if
            :: w == old -> w = w - RESIDENT + EVICTING; old = 1
            :: else -> old = 0
            fi
        }
        if
        :: old == 1 -> drop()
        :: else
        fi;
        atomic { old = 0; inop-- }
    od
}

/* Fires in any state in which its guard holds. */
proctype watch() {
end:
    do
    :: atomic { live > 1 -> assert(false) }
    :: atomic { lease && (live != 1 || ST(w) != RESIDENT || PINS(w) == 0) -> assert(false) }
    :: atomic { inop == 0 && asked && ST(w) == RESIDENT && PINS(w) == 0 -> assert(false) }
    :: atomic { inop == 0 && live != (ST(w) == RESIDENT) -> assert(false) }
    /* the chunk is closed: its lease ends */
    :: atomic { done == 2 && lease -> lease = 0; inop++ }
        {
            byte old;
            bit ok2;
            unpin(1);
            old = 0
        }
        inop--
    :: atomic { done == 2 && inop == 0 && !lease && queue == 0 ->
            assert(PINS(w) == 0 && holders == 0 && lk == 0);
            assert(ST(w) == VIRTUAL || ST(w) == RESIDENT);
            assert(!(w & DOOM));
            done = 3 }
    od
}

init {
    atomic {
        joined[0] = 2;
        joined[1] = 2;
        run consumer(0);
        run consumer(1);
        run worker();
        run evictor();
        run watch()
    }
}
