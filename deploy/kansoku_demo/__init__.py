"""A sample application with traffic: the garbage guide of an invented Japanese city, traced by Kansoku.

app.py       the application, written as a user of the SDK would write it
prompts.py   its system prompts, by version
guide/       the city's knowledge: 40 entries in Japanese and English, collection days, fees
vendor/      a local server that speaks the OpenAI wire format and answers from the prompt
scenario.py  what happened when: three incidents, an outage of the network, a rhythm of the day
traffic.py   citizens: questions, conversations, thumbs and corrections
history.py   fills in days that have passed; live.py goes on in real time; run.py is the command
"""
