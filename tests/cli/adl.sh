$ADL events.root 2> messages
grep -c 'events/s' messages
