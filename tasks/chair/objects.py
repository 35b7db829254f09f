"""COCO's 80 classes and the words that count as naming them, as CHAIR's synonym list has them.

The list is part of the measure: another one gives other figures. Words in it that can never be
met are left out: the authors' reader keeps a space before "motor bike" and "cheesecake", so that
no word equals them.
"""

from __future__ import annotations

from collections.abc import Mapping

# A line a class, its own name first.
_LINES = """
person girl boy man woman kid child chef baker people adult rider children baby worker passenger
 sister biker policeman cop officer lady cowboy bride groom male female guy traveler mother father
 gentleman pitcher player skier snowboarder skater skateboarder foreigner caller offender coworker
 trespasser patient politician soldier grandchild serviceman walker drinker doctor bicyclist thief
 buyer teenager student camper driver solider hunter shopper villager
bicycle bike unicycle minibike trike
car automobile van minivan sedan suv hatchback cab jeep coupe taxicab limo taxi
motorcycle scooter motor_cycle motorbike moped
airplane jetliner plane air_plane monoplane aircraft jet airbus biplane seaplane
bus minibus trolley
train locomotive tramway caboose
truck pickup lorry hauler firetruck
boat ship liner sailboat motorboat dinghy powerboat speedboat canoe skiff yacht kayak catamaran
 pontoon houseboat vessel rowboat trawler ferryboat watercraft tugboat schooner barge ferry
 sailboard paddleboat lifeboat freighter steamboat riverboat battleship steamship
traffic_light street_light traffic_signal stop_light streetlight stoplight
fire_hydrant hydrant
stop_sign
parking_meter
bench pew
bird ostrich owl seagull goose duck parakeet falcon robin pelican waterfowl heron hummingbird
 mallard finch pigeon sparrow seabird osprey blackbird fowl shorebird woodpecker egret chickadee
 quail bluebird kingfisher buzzard willet gull swan bluejay flamingo cormorant parrot loon gosling
 waterbird pheasant rooster sandpiper crow raven turkey oriole cowbird warbler magpie peacock
 cockatiel lorikeet puffin vulture condor macaw peafowl cockatoo songbird
cat kitten feline tabby
dog puppy beagle pup chihuahua schnauzer dachshund rottweiler canine pitbull collie pug terrier
 poodle labrador doggie doberman mutt doggy spaniel bulldog sheepdog weimaraner corgi cocker
 greyhound retriever brindle hound whippet husky
horse colt pony racehorse stallion equine mare foal palomino mustang clydesdale bronc bronco
sheep lamb ram goat ewe
cow cattle oxen ox calf holstein heifer buffalo bull zebu bison
elephant
bear panda
zebra
giraffe
backpack knapsack
umbrella
handbag wallet purse briefcase
tie bow bow_tie
suitcase suit_case luggage
frisbee
skis ski
snowboard
sports_ball ball
kite
baseball_bat
baseball_glove
skateboard
surfboard longboard skimboard shortboard wakeboard
tennis_racket racket
bottle
wine_glass
cup
fork
knife pocketknife knive
spoon
bowl container
banana
apple
sandwich burger sub cheeseburger hamburger
orange
broccoli
carrot
hot_dog
pizza
donut doughnut bagel
cake cupcake shortcake coffeecake pancake
chair seat stool
couch sofa recliner futon loveseat settee chesterfield
potted_plant houseplant
bed
dining_table table desk
toilet urinal commode lavatory potty
tv monitor televison television
laptop computer notebook netbook lenovo macbook laptop_computer
mouse
remote
keyboard
cell_phone mobile_phone phone cellphone telephone phon smartphone iPhone
microwave
oven stovetop stove stove_top_oven
toaster
sink
refrigerator fridge freezer
book
clock
vase
scissors
teddy_bear teddybear
hair_drier hairdryer
toothbrush
"""


def _classes() -> dict[str, str]:
    lines = _LINES.strip().replace("\n ", " ").split("\n")
    rows = [[word.replace("_", " ") for word in line.split()] for line in lines]
    return {word: row[0] for row in rows for word in row}


CLASS_OF: Mapping[str, str] = _classes()

# Two words that are one thing, and what they are taken for; merged from left to right.
_DOUBLE = """motor bike, motor cycle, air plane, traffic light, street light, traffic signal,
stop light, fire hydrant, stop sign, parking meter, suit case, sports ball, baseball bat,
baseball glove, tennis racket, wine glass, hot dog, cell phone, mobile phone, teddy bear,
hair drier, potted plant, laptop computer, home plate, train track"""
_ANIMALS = "bird cat dog horse sheep cow elephant bear zebra giraffe animal cub"

MERGED: Mapping[str, str] = {
    **{pair: pair for pair in _DOUBLE.replace("\n", " ").split(", ")},
    **{f"{age} {animal}": animal for age in ("baby", "adult") for animal in _ANIMALS.split()},
    **{f"passenger {vehicle}": vehicle for vehicle in ("jet", "train")},
    "bow tie": "tie",
    "toilet seat": "toilet",
    "wine glas": "wine glass",  # what the singulariser makes of a glass
}
