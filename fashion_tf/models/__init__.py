"""Networks: functions that return a `keras.Model`. Each takes pictures in 0..255 and scales them itself."""
