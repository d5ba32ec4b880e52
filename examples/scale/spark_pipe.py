#!/usr/bin/env python3
"""Labels a corpus with Spark's pipe(): every partition goes through one berth. usage: spark-submit spark_pipe.py PROFILE INPUT OUTPUT, JSON Lines in and out."""
import shlex
import sys

from pyspark.sql import SparkSession

profile, source, target = sys.argv[1:]
spark = SparkSession.builder.appName("berth").getOrCreate()
# One process for a partition: --threads is what spark.task.cpus gives it. checkCode: a berth that fails fails its task, which Spark runs again.
threads = spark.conf.get("spark.task.cpus", "1")
command = f"berth classify --profile {shlex.quote(profile)} --input-format jsonl --keep-fields --json --threads {threads}"
spark.sparkContext.textFile(source).pipe(command, checkCode=True).saveAsTextFile(target)
