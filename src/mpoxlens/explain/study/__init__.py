"""A blinded reading study on a page of this machine: does the map fall on lesions, does it help who reads?"""
